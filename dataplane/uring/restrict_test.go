//go:build linux

package uring

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/uring/uringtest"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { uringtest.Restrict(); os.Exit(m.Run()) }

// What a process lacks, the probe finds, and says in words.
func TestProbeRestricted(t *testing.T) {
	p := Probe()
	switch how := uringtest.Restricted(); how {
	case "":
		uringtest.Each(t, func(t *testing.T, how string) {
			t.Log(uringtest.Rerun(t, how, "^TestProbeRestricted$"))
		})
	case uringtest.Forbidden:
		if !errors.Is(p.Err, unix.EPERM) || !strings.Contains(p.String(), "forbidden") {
			t.Errorf("%v: %s", p.Err, p)
		}
	case uringtest.Hidden:
		if !errors.Is(p.Err, unix.ENOSYS) || !strings.Contains(p.String(), "seccomp") {
			t.Errorf("%v: %s", p.Err, p)
		}
	case uringtest.Memlock:
		if p.Err != nil && !errors.Is(p.Err, unix.ENOMEM) {
			t.Error(p.Err)
		}
		if p.Err == nil && (!errors.Is(p.Registered, unix.ENOMEM) || !strings.Contains(p.String(), "RLIMIT_MEMLOCK is 64 KiB")) {
			t.Errorf("%v: %s", p.Registered, p)
		}
	}
}

// A pool that can't be registered, or only in part, is used all the same.
func TestMemlock(t *testing.T) {
	if uringtest.Restricted() == "" {
		uringtest.Rerun(t, uringtest.Memlock, "^(TestMemlock|TestMessages|TestLanes)$")
		return
	}
	pool, err := buffer.New(buffer.Config{Bytes: 4096, Count: 64})
	must(t, err)
	r := newRing(t, Config{})
	if err := r.Register(pool); err != nil {
		t.Skip(err)
	}
	f := file(t, strings.Repeat("x", 5000))
	var buffers []*buffer.Buffer
	for k := range pool.Count() {
		s := Span{Buffer: pool.TryGet(), To: 4096}
		buffers = append(buffers, s.Buffer)
		must(t, r.Read(int(f.Fd()), s, 0, uint64(k)))
		r.wantNext(t, uint64(k), 4096, nil)
	}
	if n := r.Registered(); n == 0 || n == pool.Count() {
		t.Errorf("%d of %d buffers are registered, want some", n, pool.Count())
	}
	must(t, r.Close())
	for _, b := range buffers {
		b.Release()
	}
	must(t, pool.Close())
}
