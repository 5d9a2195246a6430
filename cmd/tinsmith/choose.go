package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"tinsmith.example/internal/catalog"
	"tinsmith.example/tinker"
)

// choose picks the model to use among those of a server. asked is what --model
// says: a name that the server knows, or one by which the catalogue knows the
// same model. If it is empty, the default model is meant, or else the only one
// that there is. A server that lists nothing may know any name.
func choose(server, asked string, served []tinker.Model) (string, error) {
	names := make([]string, len(served))
	for i, m := range served {
		names[i] = m.Name
	}
	wanted := cmp.Or(asked, catalog.DefaultServedName)
	if slices.Contains(names, wanted) {
		return wanted, nil
	}
	if m, ok := catalog.Lookup(wanted); ok {
		wanted = m.ServedName
	}
	if slices.Contains(names, wanted) || len(names) == 0 {
		return wanted, nil
	}
	if asked == "" && len(names) == 1 {
		return names[0], nil
	}
	return "", &unservedError{server, cmp.Or(asked, wanted), names}
}

// An unservedError says that a server has no model of a name.
type unservedError struct {
	server, model string
	served        []string
}

func (e *unservedError) Error() string {
	return fmt.Sprintf("%s does not serve %s; it serves %s", e.server, e.model, strings.Join(e.served, ", "))
}
