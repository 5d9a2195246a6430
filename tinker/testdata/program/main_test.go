package main

import (
	"flag"
	"os"
	"testing"

	"aaa.example/program/early"
)

func TestMain(m *testing.M) {
	flag.Parse()
	early.Trace("TestMain")
	os.Exit(m.Run())
}

func TestSample(t *testing.T) {
	early.Trace("test")
	if err := sample(); err != nil {
		t.Fatal(err)
	}
	t.Log("the test sampled")
}
