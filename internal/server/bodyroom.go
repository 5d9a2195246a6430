package server

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// A bodyRoom bounds the bytes of larger bodies that are being read, or made, of all
// keys and of each.
type bodyRoom struct {
	all     *semaphore.Weighted
	most    int64 // of all
	keyMost int64

	mu   sync.Mutex
	keys map[string]*keyRoom // those that read or wait
}

// A keyRoom is the part of one key.
type keyRoom struct {
	*semaphore.Weighted
	users int // guarded by the bodyRoom's mutex
}

func newBodyRoom(all, key int64) *bodyRoom {
	return &bodyRoom{all: semaphore.NewWeighted(all), most: all, keyMost: key, keys: map[string]*keyRoom{}}
}

// acquire waits for room for size bytes, and returns what gives it back. One body
// always fits. An error says that ctx ended first.
func (b *bodyRoom) acquire(ctx context.Context, key string, size int64) (release func(), err error) {
	k := b.enter(key)
	own, all := min(size, b.keyMost), min(size, b.most)
	if err := k.Acquire(ctx, own); err != nil {
		b.leave(key, k)
		return nil, err
	}
	if err := b.all.Acquire(ctx, all); err != nil {
		k.Release(own)
		b.leave(key, k)
		return nil, err
	}
	return func() {
		b.all.Release(all)
		k.Release(own)
		b.leave(key, k)
	}, nil
}

func (b *bodyRoom) enter(key string) *keyRoom {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.keys[key]
	if !ok {
		k = &keyRoom{Weighted: semaphore.NewWeighted(b.keyMost)}
		b.keys[key] = k
	}
	k.users++
	return k
}

func (b *bodyRoom) leave(key string, k *keyRoom) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(b.keys, key)
	}
}
