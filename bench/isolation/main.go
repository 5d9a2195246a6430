// Command isolation measures what process isolation does for a program that
// computes in many goroutines: how late heartbeats come, and how long a sample
// takes, with and without it, against a server in another process that answers at
// once.
//
//	isolation [-busy 64] [-procs 2] [-for 20s] [-heartbeat 100ms]
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tinsmith.example/tinker"
)

func main() {
	log.SetFlags(0)
	busy := flag.Int("busy", 64, "goroutines that compute")
	procs := flag.Int("procs", 2, "threads that run Go code at once in the program")
	duration := flag.Duration("for", 20*time.Second, "how long each of the four rows is measured")
	heartbeat := flag.Duration("heartbeat", 100*time.Millisecond, "how often the session is to be kept alive")
	serve := flag.Bool("serve", false, "be the server; for this program's own use")
	flag.Parse()
	if *serve {
		if err := serveForever(); err != nil {
			log.Fatal(err)
		}
		return
	}
	runtime.GOMAXPROCS(*procs)
	fmt.Printf("%-16s %-9s %10s %10s %10s %10s %10s %10s\n", "busy goroutines", "isolated", "heartbeats", "late p50", "late p99", "samples", "p50", "p99")
	for _, busy := range []int{0, *busy} {
		for _, isolated := range []bool{false, true} {
			if err := measure(busy, isolated, *duration, *heartbeat); err != nil {
				log.Fatal(err)
			}
		}
	}
}

// measure prints one row.
func measure(busy int, isolated bool, duration, heartbeat time.Duration) error {
	ctx := context.Background()
	server, err := startServer()
	if err != nil {
		return err
	}
	defer server.stop()
	options := []tinker.Option{tinker.WithBaseURL(server.url), tinker.WithAPIKey("tml-bench"), tinker.WithHeartbeat(heartbeat)}
	if isolated {
		options = append(options, tinker.WithProcessIsolation())
	} else {
		os.Unsetenv("TINKER_SUBPROCESS_SAMPLING")
	}
	service, err := tinker.NewServiceClient(options...)
	if err != nil {
		return err
	}
	defer service.Close(ctx)
	client, err := service.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: "m"})
	if err != nil {
		return err
	}
	request := &tinker.SampleRequest{Prompt: tinker.FromTokens(make([]int32, 512)), Params: tinker.SamplingParams{MaxTokens: 16}}
	if _, err := client.Sample(ctx, request); err != nil { // connections are there
		return err
	}

	stop := compute(busy)
	defer stop()
	var took []time.Duration
	begin := time.Now()
	for time.Since(begin) < duration {
		start := time.Now()
		if _, err := client.Sample(ctx, request); err != nil {
			return err
		}
		took = append(took, time.Since(start))
	}
	end := time.Now()
	stop()

	beats, err := server.heartbeats()
	if err != nil {
		return err
	}
	late := lateness(beats, begin, end, heartbeat)
	fmt.Printf("%-16d %-9t %10d %10v %10v %10d %10v %10v\n", busy, isolated, len(late)+1, quantile(late, 0.5), quantile(late, 0.99),
		len(took), quantile(took, 0.5), quantile(took, 0.99))
	return nil
}

// compute keeps goroutines busy until it is stopped. They are preempted as any Go
// code without calls.
func compute(goroutines int) (stop func()) {
	var stopped atomic.Bool
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			for n := uint64(1); !stopped.Load(); {
				for range 1 << 20 {
					n = n*6364136223846793005 + 1442695040888963407
				}
				runtime.KeepAlive(n)
			}
		})
	}
	return func() {
		stopped.Store(true)
		all.Wait()
	}
}

// lateness is by how much each heartbeat of a time came later after the one before
// it than it should have. Beats that were left out count in full.
func lateness(beats []time.Time, begin, end time.Time, every time.Duration) []time.Duration {
	beats = slices.DeleteFunc(beats, func(t time.Time) bool { return t.Before(begin) || t.After(end) })
	var late []time.Duration
	for i := 1; i < len(beats); i++ {
		late = append(late, max(0, beats[i].Sub(beats[i-1])-every))
	}
	return late
}

// quantile rounds to what can be read.
func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)].Round(10 * time.Microsecond)
}
