package bench

import (
	"context"
	"fmt"
)

// A Study is a question about requests of different kinds beside or after each
// other. It has more figures than a Load, and runs only where it is named.
type Study struct {
	Name    string
	measure func(*run, context.Context) error
}

// Studies are the three studies:
//
//	arrival  a prompt of 4,000 tokens comes while 32 sequences are sampled
//	prefix   what a second request costs that shares 2,000 tokens with a first
//	mixed    requests of all kinds and sizes from many clients, for a while
func Studies() []Study {
	return []Study{
		{"arrival", (*run).arrival},
		{"prefix", (*run).prefix},
		{"mixed", (*run).mixed},
	}
}

func (b *run) studies(ctx context.Context) error {
	for _, s := range b.Studies {
		if err := s.measure(b, ctx); err != nil {
			return fmt.Errorf("load %s: %w", s.Name, err)
		}
	}
	return nil
}
