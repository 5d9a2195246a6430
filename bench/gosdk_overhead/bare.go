//go:build unix

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tinsmith.example/tinker"
)

// A bare asks for one sample over and over, as a client does, with bytes that were
// made before, and reads no more than the headers of the answers: what net and HTTP
// take by themselves.
type bare struct {
	conn           net.Conn
	answers        *bufio.Reader
	submit, result string
}

func newBare(server string, prompt int) (*bare, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]any{
		"sampling_session_id": "bare", "seq_id": 1, "num_samples": 1,
		"prompt":          map[string]any{"chunks": []any{map[string]any{"type": "encoded_text", "tokens": tokens(prompt)}}},
		"sampling_params": map[string]any{"max_tokens": 128, "temperature": 0.7},
	})
	if err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		return nil, err
	}
	b := &bare{conn: conn, answers: bufio.NewReader(conn)}
	request := func(path string, body []byte) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nX-API-Key: tml-stub\r\nContent-Type: application/json\r\n"+
			"Accept: application/x-protobuf\r\nContent-Length: %d\r\n\r\n%s", strings.TrimSuffix(u.Path, "/")+path, u.Host, len(body), body)
	}
	b.submit = request("/api/v1/asample", body)
	if b.result, err = b.resultRequest(request); err != nil {
		conn.Close()
		return nil, err
	}
	return b, nil
}

// resultRequest submits a sample and returns the request for its result.
func (b *bare) resultRequest(request func(path string, body []byte) string) (string, error) {
	answer, err := b.exchange(b.submit)
	if err != nil {
		return "", err
	}
	var promise struct {
		ID string `json:"request_id"`
	}
	if err := json.Unmarshal(answer, &promise); err != nil {
		return "", err
	}
	body, err := json.Marshal(map[string]any{"request_id": promise.ID})
	if err != nil {
		return "", err
	}
	return request("/api/v1/retrieve_future", body), nil
}

func (b *bare) sample() error {
	if _, err := b.exchange(b.submit); err != nil {
		return err
	}
	_, err := b.exchange(b.result)
	return err
}

func (b *bare) exchange(request string) ([]byte, error) {
	if _, err := io.WriteString(b.conn, request); err != nil {
		return nil, err
	}
	resp, err := http.ReadResponse(b.answers, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("a bare exchange: %s: %s", resp.Status, answer)
	}
	return answer, err
}

// besideBare prints how long n samples take, one after the other, in turn with n
// bare ones.
func besideBare(ctx context.Context, client *tinker.SamplingClient, r *tinker.SampleRequest, b *bare, n int) error {
	sdk, floor := make([]time.Duration, n), make([]time.Duration, n)
	for i := range n {
		started := time.Now()
		if _, err := client.Sample(ctx, r); err != nil {
			return err
		}
		sdk[i] = time.Since(started)
		started = time.Now()
		if err := b.sample(); err != nil {
			return err
		}
		floor[i] = time.Since(started)
	}
	slices.Sort(sdk)
	slices.Sort(floor)
	fmt.Printf("in turn, %d each: sequential p50=%.3f ms p10=%.3f ms, bare connection p50=%.3f ms p10=%.3f ms\n", n,
		milliseconds(sdk[n/2]), milliseconds(sdk[n/10]), milliseconds(floor[n/2]), milliseconds(floor[n/10]))
	return nil
}
