package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tinsmith.example/internal/catalog"
	"tinsmith.example/internal/tinymodel"
	"tinsmith.example/internal/wire"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tinsmith": main})
}

// TestScripts runs the whole command: each script of testdata has commands,
// what they print, and how they exit. The model of all scripts is the
// generated one, in tiny.gguf; no script touches the network.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exit":      exitCommand,
			"start":     startCommand,
			"interrupt": signalCommand(os.Interrupt),
			"terminate": signalCommand(syscall.SIGTERM),
			"occupy":    occupyCommand,
			"stranger":  strangerCommand,
			"tamper":    tamperCommand,
			"other":     otherCommand,
			"withhold":  withholdCommand,
			"stall":     stallCommand,
		},
	})
}

// setup gives a script the model, an empty cache, and nothing of the
// developer's environment that would change what tinsmith does.
func setup(env *testscript.Env) error {
	file, err := os.Create(filepath.Join(env.WorkDir, "tiny.gguf"))
	if err != nil {
		return err
	}
	defer file.Close()
	if err := tinymodel.Write(file, tinymodel.Options{}); err != nil {
		return err
	}
	env.Setenv("TINSMITH_CACHE", filepath.Join(env.WorkDir, "cache"))
	env.Setenv("TINSMITH_OFFLINE", "1")
	if m, ok := catalog.Lookup(catalog.DefaultModel); ok {
		env.Setenv("DEFAULT_FILE", m.File)
		env.Setenv("DEFAULT_BYTES", fmt.Sprint(m.Bytes))
	}
	env.Setenv("HF_HOME", filepath.Join(env.WorkDir, "hub"))
	env.Values["background"] = new(*exec.Cmd)
	return file.Close()
}

// exitCommand runs a command that has to end with a code, and leaves its
// output to stdout and stderr:
//
//	exit 2 tinsmith sample --top-p 7 text
func exitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND [ARGUMENT...]")
	}
	wantCode(ts, args[0], ts.Exec(args[1], args[2:]...))
}

func wantCode(ts *testscript.TestScript, want string, err error) {
	code := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code = failed.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got := fmt.Sprint(code); got != want {
		ts.Fatalf("exit code %s, want %s", got, want)
	}
}

// startCommand runs tinsmith in the background until it has printed a line that
// begins with the given text, and leaves what it has printed by then to the file
// started. Lines "export NAME=VALUE" set the script's
// variables, as they would a shell's. What still runs at the script's end is
// killed.
//
//	start 'export TINKER_API_KEY' serve --addr 127.0.0.1:0
func startCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start TEXT ARGUMENT...")
	}
	executable, err := os.Executable()
	ts.Check(err)
	output, input, err := os.Pipe()
	ts.Check(err)
	// The test's binary, which testscript.Main turns into the command by its name.
	cmd := &exec.Cmd{
		Path:   executable,
		Args:   append([]string{"tinsmith"}, args[1:]...),
		Dir:    ts.MkAbs("."),
		Stdout: input,
		Stderr: input,
	}
	for _, name := range []string{"PATH", "HOME", "TINSMITH_CACHE", "TINSMITH_OFFLINE", "HF_HOME"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	ts.Check(cmd.Start())
	ts.Check(input.Close())
	ts.Defer(func() { cmd.Process.Kill() })
	*ts.Value("background").(**exec.Cmd) = cmd
	tooLong := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer tooLong.Stop()

	var printed strings.Builder
	for lines := bufio.NewScanner(output); lines.Scan(); {
		ts.Logf("[background] %s", lines.Text())
		fmt.Fprintln(&printed, lines.Text())
		if assignment, ok := strings.CutPrefix(lines.Text(), "export "); ok {
			name, value, _ := strings.Cut(assignment, "=")
			ts.Setenv(name, value)
		}
		if strings.HasPrefix(lines.Text(), args[0]) {
			go io.Copy(io.Discard, output)
			ts.Check(os.WriteFile(ts.MkAbs("started"), []byte(printed.String()), 0o666))
			return
		}
	}
	ts.Fatalf("tinsmith ended without a line that begins with %q", args[0])
}

// signalCommand sends a signal to the command in the background, which then has
// to end with a code:
//
//	interrupt 130
func signalCommand(signal os.Signal) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) != 1 {
			ts.Fatalf("usage: interrupt CODE, terminate CODE")
		}
		cmd := *ts.Value("background").(**exec.Cmd)
		ts.Check(cmd.Process.Signal(signal))
		wantCode(ts, args[0], cmd.Wait())
	}
}

// strangerCommand serves pages in HTML, as no server of the API does, until the
// script ends, and sets STRANGER to its host and port.
func strangerCommand(ts *testscript.TestScript, _ bool, _ []string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotImplemented)
		io.WriteString(w, "<!DOCTYPE HTML>\n<p>no such method</p>\n")
	}))
	ts.Defer(s.Close)
	ts.Setenv("STRANGER", strings.TrimPrefix(s.URL, "http://"))
}

// occupyCommand listens on a port until the script ends, and sets OCCUPIED to
// its address.
func occupyCommand(ts *testscript.TestScript, _ bool, _ []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv("OCCUPIED", l.Addr().String())
}

// tamperCommand replaces the one place of a text in a file, given as regular
// expressions, and writes the result to another file:
//
//	tamper answer.json forged.json '"seed":"1"' '"seed":"2"'
func tamperCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: tamper FROM TO OLD NEW")
	}
	old := regexp.MustCompile(args[2])
	text := ts.ReadFile(args[0])
	if n := len(old.FindAllString(text, -1)); n != 1 {
		ts.Fatalf("%s matches %d places of %s, want 1", old, n, args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(old.ReplaceAllString(text, args[3])), 0o666))
}

// otherCommand writes a model of other weights, or with another context length
// and the same weights:
//
//	other weights.gguf 7 1024
func otherCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: other FILE SEED CONTEXT")
	}
	var o tinymodel.Options
	_, err := fmt.Sscan(args[1]+" "+args[2], &o.Seed, &o.ContextLength)
	ts.Check(err)
	file, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer file.Close()
	ts.Check(tinymodel.Write(file, o))
}

// withholdCommand stands before the server of TINKER_BASE_URL, until the script
// ends, and answers for its receipts as servers do that know none.
func withholdCommand(ts *testscript.TestScript, _ bool, _ []string) {
	to, err := url.Parse(ts.Getenv("TINKER_BASE_URL"))
	ts.Check(err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/tinsmith/") {
			http.NotFound(w, r)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	ts.Defer(s.Close)
	ts.Setenv("TINKER_BASE_URL", s.URL)
}

// stallCommand stands before the server of TINKER_BASE_URL, until the script ends,
// and lets everybody wait for results, for ever and with the reason that is given:
//
//	stall 'position 1 of 2 in the queue'
func stallCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stall REASON")
	}
	to, err := url.Parse(ts.Getenv("TINKER_BASE_URL"))
	ts.Check(err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != wire.PathRetrieveFuture {
			proxy.ServeHTTP(w, r)
			return
		}
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", wire.MediaJSON)
		w.WriteHeader(wire.StatusPending)
		json.NewEncoder(w).Encode(wire.TryAgain{Type: wire.TypeTryAgain, RequestID: "r", QueueState: wire.QueueActive, QueueStateReason: args[0]})
	}))
	ts.Defer(s.Close)
	ts.Setenv("TINKER_BASE_URL", s.URL)
}
