// Command program samples once, in a process of its own if the environment says
// so.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"aaa.example/program/early"
	"tinsmith.example/tinker"
)

var (
	needed  = flag.String("needed", "", "must be set, so that nobody gets far without flags")
	replace = flag.Bool("replace", false, "put something else in place of the executable first")
)

func main() {
	early.Trace("main")
	flag.Parse()
	if *needed == "" {
		early.Trace("main without flags")
		os.Exit(2)
	}
	if *replace {
		path, err := os.Executable()
		if err == nil {
			err = os.Remove(path)
		}
		if err == nil {
			err = os.WriteFile(path, []byte("#!/bin/sh\nexit 9\n"), 0o700)
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	if err := sample(); err != nil {
		if e, ok := errors.AsType[*tinker.SidecarError](err); ok {
			fmt.Printf("SidecarError in phase %s\n", e.Phase)
		}
		fmt.Println(err)
		os.Exit(1)
	}
}

func sample() error {
	ctx := context.Background()
	svc, err := tinker.NewServiceClient()
	if err != nil {
		return err
	}
	defer svc.Close(ctx)
	client, err := svc.CreateSamplingClient(ctx, tinker.SamplingClientConfig{BaseModel: "m"})
	if err != nil {
		return err
	}
	r, err := client.Sample(ctx, &tinker.SampleRequest{Prompt: tinker.FromTokens([]int32{42, 7})})
	if err != nil {
		return err
	}
	fmt.Println("sampled", r.Sequences[0].Tokens)
	return nil
}
