package transport

import (
	"net/http"
	"net/textproto"
	"slices"

	"tinsmith.example/internal/wire"
)

// A field is a header with one value.
type field struct{ name, value string }

// usualFields is room for the fields of a request with few of Config.Header.
const usualFields = 12

// fields appends the headers of a message. Those that the API has come before those
// of Config.Header, and instead of them.
func (c *Client) fields(list []field, op string, m *message, key string) []field {
	list = append(list, field{wire.HeaderAPIKey, key}, field{"Accept", m.accept}, field{"User-Agent", c.userAgent})
	if m.method != http.MethodGet {
		list = append(list, field{"Content-Type", wire.MediaJSON})
	}
	if op != "" && !m.silent {
		list = append(list, field{wire.HeaderSDKVersion, wire.ContractVersion}, field{wire.HeaderSDKMethod, wire.SDKMethod(op)})
	}
	list = append(list, m.header...)
	api := list
	for name, values := range c.header {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if slices.ContainsFunc(api, func(f field) bool { return textproto.CanonicalMIMEHeaderKey(f.name) == canonical }) {
			continue
		}
		for _, value := range values {
			list = append(list, field{name, value})
		}
	}
	return list
}

// headerOf is what net/http takes for these.
func headerOf(list []field) http.Header {
	h := make(http.Header, len(list))
	values := make([]string, len(list)) // for all names at once
	for i, f := range list {
		name := textproto.CanonicalMIMEHeaderKey(f.name)
		if before, again := h[name]; again {
			h[name] = append(before, f.value)
			continue
		}
		values[i] = f.value
		h[name] = values[i : i+1 : i+1]
	}
	return h
}
