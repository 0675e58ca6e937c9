package main

import (
	"bytes"
	"sync"

	"golang.org/x/sys/unix"
)

// maxTranscript is how much of what was written is kept, in bytes.
const maxTranscript = 1 << 20

// endOfRun is what this process writes to a stream to see that all before it has come.
var endOfRun = []byte("\x00pyfreeze: the end of a run\x00")

// transcript keeps what comes out of a stream's other end, from its last mark on.
type transcript struct {
	mu    sync.Mutex
	more  sync.Cond
	bytes []byte
}

func newTranscript() *transcript {
	t := &transcript{}
	t.more.L = &t.mu
	return t
}

// Write never fails: where there is too much, the middle is lost.
func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bytes = append(t.bytes, b...)
	if over := len(t.bytes) - 2*maxTranscript; over > 0 {
		t.bytes = append(t.bytes[:maxTranscript], t.bytes[maxTranscript+over:]...)
	}
	t.more.Signal()
	return len(b), nil
}

// upTo writes the mark to a descriptor whose other end this is, and returns what came before it.
// Nothing, where it cannot be written.
func (t *transcript) upTo(fd int) string {
	if n, err := unix.Write(fd, endOfRun); err != nil || n != len(endOfRun) {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for {
		if before, _, ok := bytes.Cut(t.bytes, endOfRun); ok {
			t.bytes = nil
			return string(before)
		}
		t.more.Wait()
	}
}
