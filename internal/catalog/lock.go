package catalog

import (
	"context"
	"errors"
	"os"
	"time"
)

// errLocked is what tryLock returns while another process holds the lock.
var errLocked = errors.New("locked")

// lockPoll is how often a waiting process looks whether it is its turn.
const lockPoll = 100 * time.Millisecond

// lock takes the lock at path, waiting for as long as another process or
// goroutine has it, and calls waiting each time it has to. The system gives up
// the lock of a process that dies. release also removes the file.
func lock(ctx context.Context, path string, waiting func()) (release func(), err error) {
	for {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
		if err != nil {
			return nil, err
		}
		err = tryLock(file)
		if err == nil && same(file, path) {
			return func() {
				os.Remove(path) // first: who waits must not lock a file that is about to go
				file.Close()
			}, nil
		}
		file.Close()
		if err == nil {
			continue // the holder before us has removed it; lock the new one
		}
		if !errors.Is(err, errLocked) {
			return nil, err
		}
		waiting()
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
}

// same says whether path still names the open file.
func same(file *os.File, path string) bool {
	open, err := file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(open, named)
}
