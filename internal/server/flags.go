package server

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"tinsmith.example/internal/wire"
)

// clientFlags are the flags that this server can tell clients either way, by the
// API's names. The flags that are not here lead to what it does not have, and stay
// as an empty configuration has them.
var clientFlags = map[string]func(*wire.ClientConfig, *wire.DynamicConfig) *bool{
	"sample_cancel_enabled":         func(_ *wire.ClientConfig, d *wire.DynamicConfig) *bool { return &d.SampleCancelEnabled },
	"sample_enable_stuck_detection": func(c *wire.ClientConfig, _ *wire.DynamicConfig) *bool { return &c.SampleStuckDetection },
	"sample_join_sampling_session":  func(c *wire.ClientConfig, _ *wire.DynamicConfig) *bool { return &c.SampleJoinSamplingSession },
	"sample_no_retries":             func(c *wire.ClientConfig, _ *wire.DynamicConfig) *bool { return &c.SampleNoRetries },
	"sample_use_retrieve_futures":   func(c *wire.ClientConfig, _ *wire.DynamicConfig) *bool { return &c.SampleUseRetrieveFutures },
	"use_pyqwest_transport":         func(c *wire.ClientConfig, _ *wire.DynamicConfig) *bool { return &c.UsePyqwestTransport },
}

// FlagNames are the names that Config.Flags may have, sorted.
func FlagNames() []string { return slices.Sorted(maps.Keys(clientFlags)) }

// clientConfigs is what clients are told: everything that this server has is on,
// except for what flags says. sample_no_retries would only take something away
// from clients, and is off.
func clientConfigs(flags map[string]bool) (wire.ClientConfig, wire.DynamicConfig, error) {
	client, dynamic := wire.DefaultClientConfig(), wire.DefaultDynamicConfig()
	client.SampleJoinSamplingSession = true
	client.SampleUseRetrieveFutures = true
	dynamic.SampleCancelEnabled = true
	for name, value := range flags {
		field, ok := clientFlags[name]
		if !ok {
			return client, dynamic, fmt.Errorf("server: no flag %q; there are %s", name, strings.Join(FlagNames(), ", "))
		}
		*field(&client, &dynamic) = value
	}
	return client, dynamic, nil
}
