package tinker

import (
	"fmt"

	"tinsmith.example/internal/wire"
)

// Handle returns a text with which other processes can sample from the same
// weights, in the same session: those of this package by
// [ServiceClient.SamplingClientFromHandle], and those of the official Python
// client by SamplingClient.from_sampler_handle. It is what get_sampler_handle
// returns there.
//
// A handle has no key in it, no settings of this client (retries, observers) and
// no end: it may be opened any number of times, for as long as some client of
// the session lives. A client that was opened from a handle with header
// overrides, which only Python has, hands them on.
func (c *SamplingClient) Handle() (string, error) {
	if err := c.made(); err != nil {
		return "", err
	}
	text, err := c.handle().Text()
	if err != nil {
		return "", fmt.Errorf("tinker: SamplingClient.Handle: %w", err)
	}
	return text, nil
}

// made refuses a client that is still its zero value.
func (c *SamplingClient) made() error {
	if c.session == nil {
		return &ArgumentError{"the SamplingClient", described("its zero value"), "one that a ServiceClient made"}
	}
	return nil
}

func (c *SamplingClient) handle() *wire.SamplerHandle {
	h := &wire.SamplerHandle{
		SessionID: c.session.id, SamplingSessionID: c.id, BaseModel: c.baseModel, RecordStabilityInfo: c.recordStabilityInfo,
		Holder: wire.HandleHolder{
			BaseURL: c.session.client.BaseURL(), ClientConfig: c.session.server, DynamicConfig: *c.session.dynamic.Load(),
		},
	}
	if c.session.joined != nil {
		h.Holder.HeaderOverrides = c.session.joined.HeaderOverrides
	}
	return h
}

// SamplingClientFromHandle makes a client that samples from what the handle's
// maker sampled from: one of this package, or of the official Python client. It
// has its own connections, its own place among the session's requests and the
// default retries. It keeps the session alive, but does not end it: Close ends
// what is here, and the session ends when its maker ends it.
//
// It sends nothing itself, and so does not know whether the session is still
// there: the first call does. The key is this ServiceClient's. It goes to no other
// server than that of WithBaseURL or WithHandleServers: a handle for another one
// is an *ArgumentError, as is a text that is no handle.
func (c *ServiceClient) SamplingClientFromHandle(handle string) (*SamplingClient, error) {
	h, err := wire.DecodeSamplerHandle(handle)
	if err != nil {
		return nil, &ArgumentError{"the handle", notShown(handle), "one that Handle or get_sampler_handle returned: " + err.Error()}
	}
	client := new(SamplingClient)
	if err := client.open(c, &copyState{Handle: h}, nil); err != nil {
		return nil, err
	}
	return client, nil
}

// open makes c a copy of the client that state is about. observe is told why its
// requests wait; nil: the log.
func (c *SamplingClient) open(svc *ServiceClient, state *copyState, observe func(QueueState, string)) error {
	h := state.Handle
	isolated := (state.Isolated || svc.config.isolated) && !svc.config.hosted
	if isolated {
		if err := svc.config.checkIsolation(); err != nil {
			return err
		}
	}
	if err := svc.config.checkHandle(h); err != nil {
		return err
	}
	s, err := svc.join(h)
	if err != nil {
		return err
	}
	*c = SamplingClient{
		session: s, id: h.SamplingSessionID, baseModel: h.BaseModel, recordStabilityInfo: h.RecordStabilityInfo,
		retry: state.Retry.config(), isolated: isolated, tokenizer: newTokenizerCache(""),
	}
	queue := s.queueNotes(c.id, observe)
	if isolated {
		c.sampler = s.isolate(state, queue)
	} else {
		c.sampler = s.newJoiner(c.id, c.retry, queue)
	}
	return nil
}
