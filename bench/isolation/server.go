package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"tinsmith.example/internal/wire"
)

// A server is another process of this program, which the busy goroutines do not
// delay.
type server struct {
	url   string
	cmd   *exec.Cmd
	alive io.Closer // its standard input, with which it ends
}

const heartbeatsPath = "/heartbeats"

func startServer() (*server, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, "-serve")
	cmd.Stderr = os.Stderr
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, alive: alive}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("the server did not start: %w", err)
	}
	s.url = strings.TrimSpace(line)
	return s, nil
}

func (s *server) stop() {
	s.alive.Close()
	s.cmd.Wait()
}

// heartbeats are when they came.
func (s *server) heartbeats() ([]time.Time, error) {
	r, err := http.Get(s.url + heartbeatsPath)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	var list []time.Time
	err = json.NewDecoder(r.Body).Decode(&list)
	return list, err
}

// serveForever is the other process: it prints its URL and answers at once, until
// its standard input ends.
func serveForever() error {
	result, err := (&wire.SampleResponse{Sequences: []wire.Sequence{
		{StopReason: wire.StopReasonLength, Tokens: make([]int32, 16), Logprobs: make([]float32, 16)},
	}}).MarshalBinary()
	if err != nil {
		return err
	}
	var mu sync.Mutex
	beats := []time.Time{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := time.Now()
		io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case wire.PathRetrieveFuture:
			w.Header().Set("Content-Type", wire.MediaProtobuf)
			w.Write(result)
			return
		case wire.PathSessionHeartbeat:
			mu.Lock()
			beats = append(beats, now)
			mu.Unlock()
		case heartbeatsPath:
			mu.Lock()
			defer mu.Unlock()
			json.NewEncoder(w).Encode(beats)
			return
		}
		w.Header().Set("Content-Type", wire.MediaJSON)
		io.WriteString(w, `{"session_id":"S","sampling_session_id":"S:0","request_id":"r","sample_sequence_ids":["q"]}`)
	}))
	fmt.Println("http://" + listener.Addr().String())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}
