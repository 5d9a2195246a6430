package tinker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tinsmith.example/internal/wire"
)

// train makes the fake train models, without training anything.
func (f *fake) train() {
	models := 0
	f.set(wire.PathCreateModel, func(seenRequest) reply {
		models++
		return reply{status: 200, body: fmt.Sprintf(`{"request_id":"create %d"}`, models-1)}
	})
	f.set(wire.PathGetInfo, func(r seenRequest) reply {
		return reply{status: 200, body: fmt.Sprintf(`{"model_id":%q,"model_data":{"model_name":"org/base"}}`, r.body["model_id"])}
	})
	saves := map[string]string{} // results by request
	f.set(wire.PathSaveWeightsForSampler, func(r seenRequest) reply {
		id := fmt.Sprintf("save %v", r.body["seq_id"])
		saves[id] = fmt.Sprintf(`{"path":"tinker://m/sampler_weights/%v"}`, r.body["path"])
		if r.body["path"] == nil {
			saves[id] = fmt.Sprintf(`{"path":null,"sampling_session_id":"S:sample:%v"}`, r.body["sampling_session_seq_id"])
		}
		return reply{status: 200, body: fmt.Sprintf(`{"request_id":%q}`, id)}
	})
	sampled := f.answer[wire.PathRetrieveFuture]
	f.set(wire.PathRetrieveFuture, func(r seenRequest) reply {
		id := r.body["request_id"].(string)
		if n, ok := strings.CutPrefix(id, "create "); ok {
			return reply{status: 200, body: fmt.Sprintf(`{"model_id":"S:train:%s"}`, n)}
		}
		if result, ok := saves[id]; ok {
			return reply{status: 200, body: result}
		}
		return sampled(r)
	})
}

func (f *fake) training(t *testing.T) (*ServiceClient, *TrainingClient) {
	t.Helper()
	f.train()
	svc := f.service(t)
	client, err := svc.CreateLoRATrainingClient(t.Context(), TrainingClientConfig{BaseModel: "asked/base"})
	if err != nil {
		t.Fatal(err)
	}
	return svc, client
}

func TestATrainingClientKnowsItsModel(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		svc, client := f.training(t)
		if client.ModelID() != "S:train:0" || client.BaseModel() != "org/base" {
			t.Errorf("%q of %q", client.ModelID(), client.BaseModel())
		}
		const want = `{"session_id":"S","model_seq_id":0,"base_model":"asked/base",` +
			`"lora_config":{"rank":32,"train_unembed":true,"train_mlp":true,"train_attn":true},"optimizer_config":{"type":"adamw"},"type":"create_model"}`
		if got := string(f.to(wire.PathCreateModel)[0].raw); got != want {
			t.Errorf("create_model\n got %s\nwant %s", got, want)
		}
		second, err := svc.CreateLoRATrainingClient(t.Context(), TrainingClientConfig{BaseModel: "b", LoRA: LoRAConfig{Rank: 8, Seed: new(int64(0)), TrainMLP: new(false)}})
		if err != nil || second.ModelID() != "S:train:1" {
			t.Error(second, err)
		}
		if got := string(f.to(wire.PathCreateModel)[1].raw); !strings.Contains(got, `"model_seq_id":1`) ||
			!strings.Contains(got, `"lora_config":{"rank":8,"seed":0,"train_unembed":true,"train_mlp":false,"train_attn":true}`) {
			t.Errorf("create_model %s", got)
		}
	})
}

func TestTheServerNamesTheTokenizerOfAModelInTraining(t *testing.T) {
	fakeHub(t, map[string]string{"/org/words/resolve/main/tokenizer.json": lettered("H")})
	f := newFake(t)
	f.train()
	f.on(wire.PathGetInfo, `{"model_id":"S:train:0","model_data":{"model_name":"org/base","tokenizer_id":"org/words:v2"}}`)
	training, err := f.service(t).CreateLoRATrainingClient(t.Context(), TrainingClientConfig{BaseModel: "org/base"})
	if err != nil {
		t.Fatal(err)
	}
	client, err := training.SaveWeightsAndGetSamplingClient(t.Context(), SavedSamplingConfig{})
	if err != nil {
		t.Fatal(err)
	}
	tok, err := client.Tokenizer(t.Context())
	if got := cameFrom(t, tok, err); got != "H" {
		t.Errorf("from %s, want the Hub", got)
	}

	folder := t.TempDir() // one of your choice comes before it
	put(t, filepath.Join(folder, "tokenizer.json"), lettered("L"))
	client, err = training.SaveWeightsAndGetSamplingClient(t.Context(), SavedSamplingConfig{Tokenizer: folder})
	if err != nil {
		t.Fatal(err)
	}
	tok, err = client.Tokenizer(t.Context())
	if got := cameFrom(t, tok, err); got != "L" {
		t.Errorf("from %s, want the folder", got)
	}
}

// Sampling sessions are numbered together, however they come about.
func TestSavedWeightsAreSampledFrom(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		svc, client := f.training(t)
		if _, err := svc.CreateSamplingClient(t.Context(), SamplingClientConfig{BaseModel: "m"}); err != nil {
			t.Fatal(err)
		}
		sampler, err := client.SaveWeightsAndGetSamplingClient(t.Context(), SavedSamplingConfig{RecordStabilityInfo: true})
		if err != nil || sampler.BaseModel() != "org/base" {
			t.Fatal(sampler, err)
		}
		if _, err := sampler.Sample(t.Context(), &SampleRequest{Prompt: FromTokens([]int32{1})}); err != nil {
			t.Fatal(err)
		}
		if sent := f.to(wire.PathSample)[0].body; sent["sampling_session_id"] != "S:sample:1" || sent["record_stability_info"] != true {
			t.Errorf("sampled with %v", sent)
		}
		path, err := client.SaveWeightsForSampler(t.Context(), SavedWeights{Name: "step-1", TTL: time.Hour})
		if err != nil || path != "tinker://m/sampler_weights/step-1" {
			t.Errorf("%q, %v", path, err)
		}
		future := client.SaveWeightsAndGetSamplingClientAsync(t.Context(), SavedSamplingConfig{Kind: WeightsInflight})
		if _, err := future.Await(t.Context()); err != nil {
			t.Error(err)
		}
		for i, want := range []string{
			`{"model_id":"S:train:0","sampling_session_seq_id":1,"kind":"snapshot","seq_id":1,"type":"save_weights_for_sampler"}`,
			`{"model_id":"S:train:0","path":"step-1","kind":"snapshot","seq_id":2,"ttl_seconds":3600,"type":"save_weights_for_sampler"}`,
			`{"model_id":"S:train:0","sampling_session_seq_id":2,"kind":"inflight","seq_id":3,"type":"save_weights_for_sampler"}`,
		} {
			if got := string(f.to(wire.PathSaveWeightsForSampler)[i].raw); got != want {
				t.Errorf("save %d\n got %s\nwant %s", i, got, want)
			}
		}
	})
}

// Calls reach the server in the order in which they are made, each after the one
// before it has been accepted, and one that gives up in between leaves no gap.
func TestSavesTakeTurns(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		_, client := f.training(t)
		save := f.answer[wire.PathSaveWeightsForSampler]
		f.set(wire.PathSaveWeightsForSampler, func(r seenRequest) reply {
			a := save(r)
			a.hold = time.Second
			return a
		})
		impatient, cancel := context.WithCancel(t.Context())
		var futures []*Future[string]
		for i := range 6 {
			ctx := t.Context()
			if i == 2 {
				ctx = impatient
			}
			futures = append(futures, client.SaveWeightsForSamplerAsync(ctx, SavedWeights{Name: fmt.Sprint("w", i)}))
		}
		synctest.Wait()
		cancel()
		for i, future := range futures {
			_, err := future.Await(t.Context())
			if gaveUp := i == 2; (err != nil) != gaveUp || gaveUp && !errors.Is(err, context.Canceled) {
				t.Errorf("save %d: %v", i, err)
			}
		}
		for i, seen := range f.to(wire.PathSaveWeightsForSampler) {
			name := []string{"w0", "w1", "w3", "w4", "w5"}[i]
			if seen.body["path"] != name || seen.body["seq_id"] != float64(i+1) || seen.at != time.Duration(i)*time.Second {
				t.Errorf("submission %d: %s after %v", i, seen.raw, seen.at)
			}
		}
	})
}

// What was not sent has no number; what the server has refused has.
func TestNumbersOfSavesHaveNoGaps(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		_, client := f.training(t)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20 { // either of turn and end may be seen first
			if _, err := client.SaveWeightsForSampler(ended, SavedWeights{Name: "n"}); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		save := f.answer[wire.PathSaveWeightsForSampler]
		f.set(wire.PathSaveWeightsForSampler, func(r seenRequest) reply {
			if r.body["path"] == "bad" {
				return reply{status: 400, body: `{"detail":"no such name"}`}
			}
			return save(r)
		})
		for _, name := range []string{"a", "bad", "b"} {
			_, err := client.SaveWeightsForSampler(t.Context(), SavedWeights{Name: name})
			if e, ok := errors.AsType[*APIError](err); (name == "bad") != (ok && e.Status == 400) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for i, seen := range f.to(wire.PathSaveWeightsForSampler) {
			if seen.body["seq_id"] != float64(i+1) {
				t.Errorf("submission %d: %s", i, seen.raw)
			}
		}
	})
}

func TestCloseEndsSaves(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		svc, client := f.training(t)
		f.set(wire.PathRetrieveFuture, func(seenRequest) reply { return reply{status: 408, hold: 30 * time.Second} })
		running := client.SaveWeightsAndGetSamplingClientAsync(t.Context(), SavedSamplingConfig{})
		synctest.Wait()
		if err := svc.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := running.Await(t.Context()); err != ErrClosed {
			t.Errorf("the running call: %v", err)
		}
		if _, err := client.SaveWeightsForSampler(t.Context(), SavedWeights{Name: "n"}); err != ErrClosed {
			t.Errorf("a later call: %v", err)
		}
		if _, err := svc.CreateLoRATrainingClient(t.Context(), TrainingClientConfig{BaseModel: "b"}); err != ErrClosed {
			t.Errorf("a later client: %v", err)
		}
	})
}

func TestWhatCannotBeTrainedOrSavedIsRefusedByName(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		svc, client := f.training(t)
		sent := len(f.seen)
		for field, call := range map[string]func() error{
			"BaseModel": func() error {
				_, err := svc.CreateLoRATrainingClient(t.Context(), TrainingClientConfig{})
				return err
			},
			"LoRA.Rank": func() error {
				_, err := svc.CreateLoRATrainingClient(t.Context(), TrainingClientConfig{BaseModel: "b", LoRA: LoRAConfig{Rank: -1}})
				return err
			},
			"LoRA.TrainMLP": func() error {
				no := new(false)
				_, err := svc.CreateLoRATrainingClient(t.Context(), TrainingClientConfig{BaseModel: "b", LoRA: LoRAConfig{TrainMLP: no, TrainAttn: no, TrainUnembed: no}})
				return err
			},
			"Name": func() error { _, err := client.SaveWeightsForSampler(t.Context(), SavedWeights{}); return err },
			"TTL": func() error {
				_, err := client.SaveWeightsForSamplerAsync(t.Context(), SavedWeights{Name: "n", TTL: time.Minute}).Await(t.Context())
				return err
			},
			"Kind": func() error {
				_, err := client.SaveWeightsAndGetSamplingClient(t.Context(), SavedSamplingConfig{Kind: "x"})
				return err
			},
			"Retry.MaxDelay": func() error {
				_, err := client.SaveWeightsAndGetSamplingClient(t.Context(), SavedSamplingConfig{Retry: RetryConfig{MaxDelay: -1}})
				return err
			},
		} {
			err := call()
			if e, ok := errors.AsType[*ArgumentError](err); !ok || e.Field != field || e.Limit == "" {
				t.Errorf("%s: got %v", field, err)
			}
		}
		if len(f.seen) != sent {
			t.Error("something was sent")
		}
	})
}

func TestAnswersThatLackWhatTrainingNeedsAreErrors(t *testing.T) {
	for path, want := range map[string]string{
		wire.PathGetInfo:        "model_data.model_name",
		wire.PathRetrieveFuture: "model_id",
		wire.PathCreateModel:    "request_id",
	} {
		inBubble(t, func(t *testing.T) {
			f := newFake(t)
			f.train()
			f.on(path, `{}`)
			_, err := f.service(t).CreateLoRATrainingClient(t.Context(), TrainingClientConfig{BaseModel: "b"})
			if e, ok := errors.AsType[*AnswerError](err); !ok || !strings.Contains(e.Reason, want) {
				t.Errorf("%s: %v", path, err)
			}
		})
	}
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		_, client := f.training(t)
		f.on(wire.PathRetrieveFuture, `{}`)
		_, err := client.SaveWeightsForSampler(t.Context(), SavedWeights{Name: "n"})
		if e, ok := errors.AsType[*AnswerError](err); !ok || !strings.Contains(e.Reason, "path") {
			t.Error(err)
		}
		_, err = client.SaveWeightsAndGetSamplingClient(t.Context(), SavedSamplingConfig{})
		if e, ok := errors.AsType[*AnswerError](err); !ok || !strings.Contains(e.Reason, "sampling_session_id") {
			t.Error(err)
		}
		f.on(wire.PathRetrieveFuture, `{"error":"disk full","category":"server"}`)
		_, err = client.SaveWeightsForSampler(t.Context(), SavedWeights{Name: "n"})
		if e, ok := errors.AsType[*RequestError](err); !ok || e.Category != CategoryServer || e.RequestID != "save 3" {
			t.Error(err)
		}
	})
}

// Room for a model may take a quarter of an hour before that is worth a word.
func TestPausesOfTrainingAreLoggedWhenTheyLast(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		f := newFake(t)
		f.train()
		result := f.answer[wire.PathRetrieveFuture]
		f.set(wire.PathRetrieveFuture, func(r seenRequest) reply {
			if r.at < 18*time.Minute+20*time.Second {
				return reply{status: 408, body: `{"type":"try_again","queue_state":"paused_rate_limit"}`, hold: 20 * time.Second}
			}
			return result(r)
		})
		var log bytes.Buffer
		svc := f.service(t, WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		if _, err := svc.CreateLoRATrainingClient(t.Context(), TrainingClientConfig{BaseModel: "b"}); err != nil {
			t.Fatal(err)
		}
		if err := svc.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := strings.Count(log.String(), "too many models are in training at once"); n != 4 { // at 15:20, 16:20 ...
			t.Errorf("%d warnings: %s", n, &log)
		}
	})
}
