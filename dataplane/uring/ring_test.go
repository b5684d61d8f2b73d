//go:build linux

package uring

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	iouring "github.com/iceber/iouring-go/syscall"
	"golang.org/x/sys/unix"
)

// With registered buffers and without.
func each(t *testing.T, run func(*testing.T, func(count int) (*Ring, func(string) Span))) {
	for _, registered := range []bool{true, false} {
		t.Run(fmt.Sprintf("registered %v", registered), func(t *testing.T) {
			run(t, func(count int) (*Ring, func(string) Span) {
				pool := newPool(t, count)
				r := newRing(t, Config{})
				if registered {
					if err := r.Register(pool); err != nil {
						t.Skip(err)
					}
				}
				return r, func(s string) Span { return text(t, pool, s) }
			})
		})
	}
}

// What is written is what is read, and a read at the end is short.
func TestFile(t *testing.T) {
	each(t, func(t *testing.T, make func(int) (*Ring, func(string) Span)) {
		r, span := make(2)
		f := file(t, "0123456789")
		must(t, r.Write(int(f.Fd()), span("abc"), 4, 1))
		r.wantNext(t, 1, 3, nil)
		must(t, r.Fsync(int(f.Fd()), true, 2))
		r.wantNext(t, 2, 0, nil)
		into := span(strings.Repeat("-", 100))
		into.From = 10
		must(t, r.Read(int(f.Fd()), into, 2, 3))
		r.wantNext(t, 3, 8, nil)
		if got := string(into.Bytes()[:9]); got != "23abc789-" {
			t.Errorf("read %q", got)
		}
		if r.pool != nil && r.Registered() != 2 {
			t.Errorf("%d buffers are registered, want 2", r.Registered())
		}
		must(t, r.Read(-1, into, 0, 4))
		r.wantNext(t, 4, 0, unix.EBADF)
	})
}

// Openat2 opens as openat2(2) does, and follows no symlink where that was asked; an
// attribute is asked for its length; what is cached is read without a wait.
func TestOpenat2(t *testing.T) {
	r, pool := newRing(t, Config{}), newPool(t, 1)
	f := file(t, "0123456789")
	dir, name := filepath.Dir(f.Name()), filepath.Base(f.Name())
	must(t, os.Symlink(name, filepath.Join(dir, "link")))
	d, err := os.Open(dir)
	must(t, err)
	defer d.Close()
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	open := func(path string) Completion {
		must(t, r.Openat2(int(d.Fd()), path, how, 1))
		return r.next(t)
	}
	c := open(name)
	must(t, c.Err)
	defer unix.Close(c.N)
	for path, want := range map[string]error{"link": unix.ELOOP, "../" + filepath.Base(dir) + "/" + name: unix.EXDEV, "none": unix.ENOENT} {
		if c := open(path); c.Err != want {
			t.Errorf("%s: %v, want %v", path, c.Err, want)
		}
	}
	if err := r.Openat2(int(d.Fd()), strings.Repeat("x", slotBytes-howBytes), how, 1); err != unix.ENAMETOOLONG {
		t.Errorf("a path that reaches what it is opened by: %v", err)
	}
	must(t, r.ReadCached(c.N, span(t, pool, 20), 0, 2))
	r.wantNext(t, 2, 10, nil)

	if known, err := r.supported(); err != nil || !known[iouring.IORING_OP_FGETXATTR] {
		t.Skipf("no fgetxattr in this kernel's rings: %v", err)
	}
	must(t, r.Fgetxattr(c.N, "user.none", 3))
	r.wantNext(t, 3, 0, unix.ENODATA)
	if err := unix.Fsetxattr(c.N, "user.some", []byte("value"), 0); err != nil {
		t.Skip(err)
	}
	must(t, r.Fgetxattr(c.N, "user.some", 4))
	r.wantNext(t, 4, 5, nil)
}

// Parts are sent one behind the other and received into one after the other.
func TestMessages(t *testing.T) {
	each(t, func(t *testing.T, make func(int) (*Ring, func(string) Span)) {
		r, span := make(6)
		a, b := sockets(t)
		must(t, r.Sendv(a, []Span{span("head"), span("body"), span("\r\n")}, 0, 1))
		r.wantNext(t, 1, 10, nil)
		one, two := span("......"), span("..........")
		must(t, r.Recvv(b, []Span{one, two}, 0, 2))
		r.wantNext(t, 2, 10, nil)
		if got := string(one.Bytes()) + "|" + string(two.Bytes()); got != "headbo|dy\r\n......" {
			t.Errorf("received %q", got)
		}
		if err := r.Sendv(a, nil, 0, 3); err == nil {
			t.Error("a message of nothing was queued")
		}
		must(t, r.Send(a, one, 0, 4))
		r.wantNext(t, 4, 6, nil)
		must(t, r.Recv(b, two, unix.MSG_WAITALL, 5))
		must(t, r.Submit())
		must(t, unix.Send(a, []byte("full"), 0))
		r.wantNext(t, 5, 10, nil)
		if got := string(two.Bytes()); got != "headbofull" {
			t.Errorf("received %q", got)
		}
	})
}

// A receive that may not wait says EAGAIN, as some kernels do for any on a socket
// that does not block; after a poll it has something.
func TestPoll(t *testing.T) {
	pool, r := newPool(t, 1), newRing(t, Config{})
	a, b := sockets(t)
	into := span(t, pool, 10)
	must(t, r.Recv(b, into, unix.MSG_DONTWAIT, 1))
	r.wantNext(t, 1, 0, unix.EAGAIN)
	must(t, r.Poll(b, unix.POLLIN, 2))
	must(t, r.Submit())
	must(t, unix.Send(a, []byte("here"), 0))
	r.wantNext(t, 2, unix.POLLIN, nil)
	must(t, r.Recv(b, into, unix.MSG_DONTWAIT, 3))
	r.wantNext(t, 3, 4, nil)
}

// A deadline ends the wait and nothing else; cancelling ends the operation, with
// what it had done.
func TestDeadlineAndCancel(t *testing.T) {
	pool, r := newPool(t, 1), newRing(t, Config{})
	a, b := sockets(t)
	into := span(t, pool, 100)
	must(t, r.Recv(b, into, unix.MSG_WAITALL, 7))
	must(t, unix.Send(a, []byte("half"), 0))
	if err := r.Wait(time.Now().Add(20 * time.Millisecond)); err != os.ErrDeadlineExceeded {
		t.Fatalf("got error %v, want the deadline", err)
	}
	if err := r.Wait(time.Now().Add(-time.Second)); err != os.ErrDeadlineExceeded {
		t.Fatalf("got error %v, want the deadline at once", err)
	}
	if r.InFlight() != 1 {
		t.Fatalf("%d in flight, want the receive", r.InFlight())
	}
	must(t, r.Cancel(7))
	r.wantNext(t, 7, 4, nil)
	must(t, r.Poll(b, unix.POLLIN, 8))
	must(t, r.Cancel(8))
	r.wantNext(t, 8, 0, unix.ECANCELED)
	must(t, r.Cancel(9)) // nothing has it
	must(t, r.Timeout(time.Millisecond, 10))
	r.wantNext(t, 10, 0, unix.ETIME)
}

// Wake interrupts a wait, the next one if there is none, once.
func TestWake(t *testing.T) {
	r := newRing(t, Config{})
	for k := range 3 {
		woken := make(chan struct{})
		go func() {
			defer close(woken)
			time.Sleep(time.Duration(k) * 10 * time.Millisecond)
			r.Wake()
		}()
		if err := r.Wait(time.Now().Add(patience)); err != ErrWoken {
			t.Fatalf("got error %v, want ErrWoken", err)
		}
		<-woken
		must(t, r.Nop(1))
		r.wantNext(t, 1, 0, nil)
	}
}

// A ring takes as many operations as it has slots, and is none the worse for
// having been full.
func TestFull(t *testing.T) {
	r := newRing(t, Config{Entries: 8})
	pipeR, _ := pipe(t)
	for round := range 3 {
		for k := range r.Slots() {
			must(t, r.Poll(pipeR, unix.POLLIN, uint64(k)))
		}
		if err := r.Nop(99); err != ErrFull {
			t.Fatalf("round %d: got error %v, want ErrFull", round, err)
		}
		must(t, r.Drain())
		if r.InFlight() != 0 {
			t.Fatalf("%d in flight after Drain", r.InFlight())
		}
	}
	must(t, r.Nop(1))
	r.wantNext(t, 1, 0, nil)
}

// The first to fail of a chain takes the rest with it.
func TestLink(t *testing.T) {
	pool, r := newPool(t, 2), newRing(t, Config{})
	a, b := sockets(t)
	must(t, r.Send(a, text(t, pool, "first"), unix.MSG_WAITALL, 1))
	r.Link()
	must(t, r.Send(a, text(t, pool, " second"), unix.MSG_WAITALL, 2))
	r.wantNext(t, 1, 5, nil)
	r.wantNext(t, 2, 7, nil)
	got := make([]byte, 20)
	n, _, err := unix.Recvfrom(b, got, 0)
	must(t, err)
	if string(got[:n]) != "first second" {
		t.Errorf("received %q", got[:n])
	}
	must(t, r.Read(-1, span(t, newPool(t, 1), 1), 0, 3))
	r.Link()
	must(t, r.Nop(4))
	seen := map[uint64]error{}
	for range 2 {
		c := r.next(t)
		seen[c.Tag] = c.Err
	}
	if seen[3] != unix.EBADF || seen[4] != unix.ECANCELED {
		t.Errorf("chain ended with %v", seen)
	}
}

// Names are opened, described and closed.
func TestNames(t *testing.T) {
	pool, r := newPool(t, 1), newRing(t, Config{Workers: 4})
	f := file(t, "0123456789")
	must(t, r.Openat(unix.AT_FDCWD, f.Name(), unix.O_RDONLY, 0, 1))
	c := r.next(t)
	must(t, c.Err)
	into := span(t, pool, 256)
	must(t, r.Statx(c.N, "", unix.AT_EMPTY_PATH, unix.STATX_SIZE, into, 2))
	r.wantNext(t, 2, 0, nil)
	if st := Stat(into); st.Size != 10 {
		t.Errorf("size is %d, want 10", st.Size)
	}
	must(t, r.CloseFile(c.N, 3))
	r.wantNext(t, 3, 0, nil)
	must(t, r.Openat(unix.AT_FDCWD, filepath.Join(f.Name(), "x"), unix.O_RDONLY, 0, 4))
	r.wantNext(t, 4, 0, unix.ENOTDIR)
	if err := r.Openat(unix.AT_FDCWD, strings.Repeat("x", 5000), 0, 0, 5); err != unix.ENAMETOOLONG {
		t.Errorf("a path of 5000 bytes: %v", err)
	}
	must(t, r.Nop(6))
	r.wantNext(t, 6, 0, nil)
}

// Bytes go from a file to a socket by way of a pipe.
func TestSplice(t *testing.T) {
	r := newRing(t, Config{})
	f := file(t, "0123456789")
	pipeR, pipeW := pipe(t)
	a, b := sockets(t)
	must(t, r.Splice(int(f.Fd()), 3, pipeW, NoOffset, 4, 0, 1))
	r.Link()
	must(t, r.Splice(pipeR, NoOffset, a, NoOffset, 4, 0, 2))
	r.wantNext(t, 1, 4, nil)
	r.wantNext(t, 2, 4, nil)
	got := make([]byte, 20)
	n, _, err := unix.Recvfrom(b, got, 0)
	must(t, err)
	if string(got[:n]) != "3456" {
		t.Errorf("received %q", got[:n])
	}
}

// A zero-copy send completes twice, and its buffer is lent until the second.
func TestSendZC(t *testing.T) {
	each(t, func(t *testing.T, make func(int) (*Ring, func(string) Span)) {
		r, span := make(1)
		near, far := tcp(t)
		s := span("zero copy")
		must(t, r.SendZC(near, s, 0, 1))
		c := r.next(t)
		if c.Err == unix.EINVAL || c.Err == unix.EOPNOTSUPP {
			t.Skip("no SEND_ZC here")
		}
		if c.N != 9 || c.Err != nil || !c.More || r.InFlight() != 1 {
			t.Fatalf("sent %d, error %v, more %v, %d in flight", c.N, c.Err, c.More, r.InFlight())
		}
		got := [20]byte{}
		n, err := unix.Read(far, got[:])
		must(t, err)
		c = r.next(t)
		if !c.Notification || c.More || r.InFlight() != 0 || string(got[:n]) != "zero copy" {
			t.Errorf("second completion %+v, %d in flight, received %q", c, r.InFlight(), got[:n])
		}
	})
}

// tcp is a connection of two plain descriptors.
func tcp(t testing.TB) (near, far int) {
	t.Helper()
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer unix.Close(l)
	must(t, unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, unix.Listen(l, 1))
	at, err := unix.Getsockname(l)
	must(t, err)
	near, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	must(t, unix.Connect(near, at))
	far, _, err = unix.Accept(l)
	must(t, err)
	t.Cleanup(func() { unix.Close(near); unix.Close(far) })
	return near, far
}

// Close ends what is in flight first, and is the end.
func TestCloseInFlight(t *testing.T) {
	pool := newPool(t, 1)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	r, err := New(Config{})
	if err != nil {
		skip(t, err)
	}
	must(t, errIgnore(r.Register(pool)))
	_, b := sockets(t)
	into := span(t, pool, 100)
	must(t, r.Recv(b, into, 0, 1))
	must(t, r.Submit())
	must(t, r.Close())
	must(t, r.Close())
	r.Wake()
	if r.InFlight() != 0 {
		t.Error("something is in flight after Close")
	}
	into.Bytes()[0] = 1 // ours again
}

// errIgnore: a kernel without the table does without.
func errIgnore(error) error { return nil }

// A size that the kernel would not take is refused by name.
func TestConfig(t *testing.T) {
	for _, n := range []int{-1, 3, 8192} {
		if _, err := New(Config{Entries: n}); err == nil || Unavailable(err) {
			t.Errorf("%d entries: error %v", n, err)
		}
	}
}

// Every reason that the kernel has to refuse a ring is told in words that lead
// somewhere.
func TestExplain(t *testing.T) {
	for _, row := range []struct {
		err         error
		word        string
		unavailable bool
	}{
		{nil, "works", false},
		{unix.ENOSYS, "seccomp", true},
		{fmt.Errorf("setup: %w", unix.EPERM), "forbidden", true},
		{unix.EACCES, "forbidden", true},
		{unix.EINVAL, "too old", true},
		{ErrTooOld, "too old", true},
		{unix.ENOMEM, "RLIMIT_MEMLOCK", true},
		{unix.EMFILE, "open files", false},
		{io.ErrUnexpectedEOF, "unexpected EOF", false},
	} {
		if got := Explain(row.err); !strings.Contains(got, row.word) || Unavailable(row.err) != row.unavailable {
			t.Errorf("%v: %q, unavailable %v", row.err, got, Unavailable(row.err))
		}
	}
}

// The probe finds what the other tests use.
func TestProbe(t *testing.T) {
	p := Probe()
	if p.Err != nil {
		skip(t, p.Err)
	}
	t.Log(p, p.Flags, p.Operations)
	if !p.Operations["read_fixed"] || !strings.Contains(p.String(), "works") {
		t.Errorf("%s: %v", p, p.Operations)
	}
	refused := &Report{Err: errors.Join(unix.EPERM)}
	if !strings.Contains(refused.String(), "forbidden") {
		t.Error(refused)
	}
}
