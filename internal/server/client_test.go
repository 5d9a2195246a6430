package server

import (
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"strings"
	"testing"

	"tinsmith.example/internal/engine"
	"tinsmith.example/internal/wire"
)

// TestEveryFlagIsSaid: explicitly, on if the server has what it leads to, and off
// if not.
func TestEveryFlagIsSaid(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	config := must[map[string]any](c, wire.PathClientConfig, `{"sdk_version":"0.38.0"}`)
	if len(config) != 17 {
		t.Errorf("client/config has %d flags, want 17: %v", len(config), config)
	}
	for name, want := range map[string]bool{
		"pjwt_auth_enabled": false, "proto_compress_fwdbwd": false, "custom_loss_server_side": false, "sample_no_retries": false,
		"sample_use_retrieve_futures": true, "sample_join_sampling_session": true, "sample_enable_stuck_detection": true, "use_pyqwest_transport": true,
	} {
		if v, ok := config[name]; !ok || v != want {
			t.Errorf("%s = %v, want %v", name, v, want)
		}
	}
	dynamic := must[map[string]any](c, wire.PathDynamicConfig, `{"sdk_version":"0.38.0"}`)
	if want := map[string]any{"refresh_interval_sec": 300.0, "sample_cancel_enabled": true, "sample_cancel_max_batch_size": 64.0}; !reflect.DeepEqual(dynamic, want) {
		t.Errorf("dynamic_config = %v, want %v", dynamic, want)
	}
}

// TestFlagsCanBeSet: each of them to either value, and nothing else with it.
func TestFlagsCanBeSet(t *testing.T) {
	both := func(flags map[string]bool) map[string]any {
		s, err := New(Config{Models: []Model{{Name: fakeName, Backend: &fakeBackend{}}}, Flags: flags, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		c := &caller{t, s}
		all := must[map[string]any](c, wire.PathClientConfig, `{}`)
		maps.Copy(all, must[map[string]any](c, wire.PathDynamicConfig, `{}`))
		return all
	}
	plain := both(nil)
	for _, name := range FlagNames() {
		for _, value := range []bool{false, true} {
			want := maps.Clone(plain)
			want[name] = value
			if got := both(map[string]bool{name: value}); !reflect.DeepEqual(got, want) {
				t.Errorf("with %s = %v: %v, want %v", name, value, got, want)
			}
		}
	}
	_, err := New(Config{Models: []Model{{Name: fakeName, Backend: &fakeBackend{}}}, Flags: map[string]bool{"pjwt_auth_enabled": true}})
	if err == nil || !strings.Contains(err.Error(), "pjwt_auth_enabled") || !strings.Contains(err.Error(), "sample_join_sampling_session") {
		t.Errorf("an unknown flag: %v, want an error that names it and those there are", err)
	}
}

func TestSmallEndpoints(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	if status, body := c.get(wire.PathServerCapabilities); status != 200 ||
		string(body) != `{"supported_models":[{"model_name":"Org/Fake-1B","max_context_length":64,"trainable":false,"sampleable":true}]}` {
		t.Errorf("capabilities: %d %s", status, body)
	}
	if status, body := c.post(wire.PathTelemetry, `{"events":[{"event":"SESSION_START"}],"platform":"Linux","unknown":[1]}`); status != 200 || string(body) != `{"status":"accepted"}` {
		t.Errorf("telemetry: %d %s", status, body)
	}
	var created map[string]any
	_, body := c.post(wire.PathCreateSession, `{"tags":[],"user_metadata":{},"sdk_version":"0.38.0","type":"create_session"}`)
	if err := json.Unmarshal(body, &created); err != nil || created["warning_message"] != nil || created["error_message"] != nil {
		t.Errorf("create_session: %s, %v", body, err)
	}
}

func TestWhoWantsToTrainIsToldThatThisServerDoesNot(t *testing.T) {
	_, c := serve(t, &fakeBackend{}, Limits{})
	for _, path := range []string{wire.PathCreateModel, wire.PathGetInfo, wire.PathSaveWeightsForSampler} {
		if status, body := c.post(path, `{}`); status != 404 || !strings.Contains(string(body), "does not train") {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

func TestSamplersAndModels(t *testing.T) {
	s, err := New(Config{
		Models: []Model{{Name: fakeName, Backend: &fakeBackend{}}, {Name: "Other", Backend: &fakeBackend{}}},
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close(t.Context())
	c := &caller{t, s}
	session := c.session()
	for i, tt := range []struct {
		members string
		status  int
		want    []string // in the body
	}{
		{`"base_model":"Org/Fake-1B"`, 200, []string{session + ":sample:0"}},
		{`"base_model":"org/fake-1b"`, 200, []string{session + ":sample:1"}},
		{`"base_model":"nope"`, 404, []string{`nope`, "Org/Fake-1B, Other", "--model NAME=PATH"}},
		{`"base_model":"nope:peft:9"`, 404, []string{"--model NAME=PATH"}},
		{`"base_model":"fake-1b"`, 404, []string{`write \"Org/Fake-1B\"`}},
		{`"base_model":"Org/Fake-1B:peft:262144"`, 400, []string{"peft:262144", "64"}},
		{`"base_model":""`, 400, []string{"base_model is missing"}},
		{`"model_path":"tinker://a/sampler_weights/b"`, 400, []string{"model_path", "tinker://a/sampler_weights/b"}},
		{`"base_model":"Other","model_path":"tinker://a/sampler_weights/b"`, 400, []string{"model_path"}},
	} {
		status, body := c.post(wire.PathCreateSamplingSession, `{"session_id":"`+session+`","sampling_session_seq_id":`+string(rune('0'+i))+`,`+tt.members+`}`)
		if status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.members, status, body, tt.status)
		}
		for _, part := range tt.want {
			if !strings.Contains(string(body), part) {
				t.Errorf("%s: %s does not say %q", tt.members, body, part)
			}
		}
	}
	status, body := c.get("/api/v1/samplers/" + session + ":sample:1")
	if status != 200 || string(body) != `{"sampler_id":"`+session+`:sample:1","base_model":"Org/Fake-1B","model_path":null}` {
		t.Errorf("sampler: %d %s", status, body)
	}
	// A retry gets the same, another model under the same number does not.
	if again := c.sampler(session, 0); again != session+":sample:0" {
		t.Errorf("again: %q", again)
	}
	if status, _ := c.post(wire.PathCreateSamplingSession, wire.CreateSamplingSessionRequest{SessionID: session, BaseModel: "Other"}); status != 422 {
		t.Errorf("other model, same number: %d, want 422", status)
	}
}

// A faultyBackend computes with other kernels than were chosen.
type faultyBackend struct{ *fakeBackend }

func (f faultyBackend) Info() engine.Info {
	info := f.fakeBackend.Info()
	info.Kernels, info.KernelFault = "portable", errors.New("avx2: dot product of 7: got 3, want 4")
	return info
}

// TestSlowKernelsAreLoggedOnce, and sound ones are not.
func TestSlowKernelsAreLoggedOnce(t *testing.T) {
	for want, backend := range []Backend{&fakeBackend{}, faultyBackend{&fakeBackend{}}} {
		var log strings.Builder
		_, err := New(Config{
			Models: []Model{{Name: "a", Backend: backend}, {Name: "b", Backend: backend}},
			Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := log.String(); strings.Count(got, "level=WARN") != want || strings.Count(got, "dot product of 7") != want {
			t.Errorf("want %d warnings, the log is %q", want, got)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	ok := Model{Name: "a/b", Backend: &fakeBackend{}}
	for name, c := range map[string]Config{
		"no model":       {},
		"no name":        {Models: []Model{{Backend: ok.Backend}}},
		"variant":        {Models: []Model{{Name: "a:b", Backend: ok.Backend}}},
		"blank":          {Models: []Model{{Name: "a b", Backend: ok.Backend}}},
		"no backend":     {Models: []Model{{Name: "a"}}},
		"same name":      {Models: []Model{ok, {Name: "A/B", Backend: ok.Backend}}},
		"negative limit": {Models: []Model{ok}, Limits: Limits{PollTime: -1}},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
