package enginetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

var errDisk = errors.New("disk on fire")

// source is a body in memory that may fail from an offset on.
type source struct {
	body   []byte
	failAt int64 // -1: never
}

func (s source) ReadAt(p []byte, off int64) (int, error) {
	if s.failAt >= 0 && off+int64(len(p)) > s.failAt {
		n := copy(p, s.body[min(off, s.failAt):s.failAt])
		return n, errDisk
	}
	return bytes.NewReader(s.body).ReadAt(p, off)
}

// sink is a file in memory that may fail at its n-th write.
type sink struct {
	body   []byte
	writes int
	failAt int // n-th write, from 1; 0: never
	short  bool
}

// newSink has room for n bytes.
func newSink(n int64) *sink { return &sink{body: make([]byte, 0, n)} }

func (s *sink) WriteAt(p []byte, off int64) (int, error) {
	s.writes++
	if s.writes == s.failAt {
		if s.short {
			return len(p) / 2, nil
		}
		return 0, errDisk
	}
	if gap := off - int64(len(s.body)); gap > 0 {
		s.body = append(s.body, make([]byte, gap)...)
	}
	n := copy(s.body[off:], p)
	s.body = append(s.body, p[n:]...)
	return len(p), nil
}

// wantBytes compares without printing megabytes.
func wantBytes(t testing.TB, got, want []byte) {
	t.Helper()
	if diff := differ(got, want); diff != nil {
		t.Fatal(diff)
	}
}

func differ(got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	if len(got) != len(want) {
		return fmt.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			end := min(i+16, len(got))
			return fmt.Errorf("at byte %d: got %.16q, want %.16q", i, got[i:end], want[i:end])
		}
	}
	return nil
}
