//go:build unix

// Command gosdk_overhead measures what package tinker costs per sample: time,
// this process's CPU, and memory. It runs against a server that answers at once,
// and prints one line, in the form of the ruler for the official Python client.
//
//	gosdk_overhead [flags] [samples [prompt tokens]]
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"tinsmith.example/tinker"
)

func main() {
	log.SetFlags(0)
	url := flag.String("url", "http://127.0.0.1:8099", "the server")
	model := flag.String("model", "HuggingFaceTB/SmolLM2-135M-Instruct", "the model to sample from")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the samples to this `file`")
	inTurn := flag.Int("bare", 0, "then take `n` more samples in turn with the same bytes over a bare connection")
	awake := flag.Bool("awake", false, "keep the processor's cores from sleeping (Linux, as root): without what waking them costs")
	flag.Parse()
	if *awake {
		release, err := stayAwake()
		if err != nil {
			log.Fatalf("-awake: %v", err)
		}
		defer release()
	}
	if *inTurn < 0 {
		log.Fatalf("-bare %d: want 0 or more", *inTurn)
	}
	samples, prompt := argument(0, 2000), argument(1, 512)
	if err := measure(*url, *model, *profile, samples, prompt, *inTurn); err != nil {
		log.Fatal(err)
	}
}

// argument is a positive number on the command line, or its default.
func argument(i, otherwise int) int {
	if flag.NArg() <= i {
		return otherwise
	}
	n, err := strconv.Atoi(flag.Arg(i))
	if err != nil || n < 1 {
		log.Fatalf("argument %q: want a positive number", flag.Arg(i))
	}
	return n
}

func measure(url, model, profile string, samples, prompt, inTurn int) error {
	ctx := context.Background()
	service, err := tinker.NewServiceClient(tinker.WithBaseURL(url), tinker.WithAPIKey("tml-stub"))
	if err != nil {
		return err
	}
	defer service.Close(ctx)
	client, err := service.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: model})
	if err != nil {
		return err
	}
	request := newRequest(prompt)
	if _, err := sampleAll(ctx, client, request, 50); err != nil { // connections, and code not run before
		return err
	}
	stop, err := startProfile(profile)
	if err != nil {
		return err
	}
	started, cpu := time.Now(), cpuTime()
	results, err := sampleAll(ctx, client, request, samples)
	wall, cpu := time.Since(started), cpuTime()-cpu
	stop()
	if err != nil {
		return err
	}
	latencies, err := oneByOne(ctx, client, request, 200)
	if err != nil {
		return err
	}
	fmt.Printf("samples=%d prompt=%d wall=%.2fs %.0f samples/s client_cpu=%.3f ms/sample "+
		"sequential p50=%.2f ms p99=%.2f ms maxrss=%.0f MB tokens=%d\n",
		samples, prompt, wall.Seconds(), float64(samples)/wall.Seconds(), milliseconds(cpu)/float64(samples),
		milliseconds(latencies[100]), milliseconds(latencies[197]), maxRSS()/(1<<20), len(results[0].Sequences[0].Tokens))
	if inTurn == 0 {
		return nil
	}
	b, err := newBare(url, prompt)
	if err != nil {
		return err
	}
	defer b.conn.Close()
	return besideBare(ctx, client, request, b, inTurn)
}

func newRequest(prompt int) *tinker.SampleRequest {
	temperature := 0.7
	return &tinker.SampleRequest{
		Prompt: tinker.FromTokens(tokens(prompt)),
		Params: tinker.SamplingParams{MaxTokens: 128, Temperature: &temperature},
	}
}

func tokens(n int) []int32 {
	tokens := make([]int32, n)
	for i := range tokens {
		tokens[i] = int32(i % 40000)
	}
	return tokens
}

// sampleAll has n samples under way at once, as far as the client lets them.
func sampleAll(ctx context.Context, client *tinker.SamplingClient, r *tinker.SampleRequest, n int) ([]*tinker.SampleResponse, error) {
	futures := make([]*tinker.Future[*tinker.SampleResponse], n)
	for i := range futures {
		futures[i] = client.SampleAsync(ctx, r)
	}
	return tinker.All(ctx, futures...)
}

// oneByOne returns how long each of n samples took, sorted.
func oneByOne(ctx context.Context, client *tinker.SamplingClient, r *tinker.SampleRequest, n int) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	for i := range took {
		started := time.Now()
		if _, err := client.Sample(ctx, r); err != nil {
			return nil, err
		}
		took[i] = time.Since(started)
	}
	slices.Sort(took)
	return took, nil
}

func startProfile(name string) (stop func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(file); err != nil {
		file.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		file.Close()
	}, nil
}

// cpuTime is what this process has computed so far, in all its threads.
func cpuTime() time.Duration {
	u := usage()
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// maxRSS is the most memory, in bytes, that this process has had resident.
func maxRSS() float64 {
	unit := 1 << 10
	if runtime.GOOS == "darwin" {
		unit = 1
	}
	return float64(usage().Maxrss) * float64(unit)
}

func usage() *unix.Rusage {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		log.Fatal(err)
	}
	return &u
}

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1e3 }
