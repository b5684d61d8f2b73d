package uring

import (
	"fmt"
	"runtime"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"

	iouring "github.com/iceber/iouring-go/syscall"
)

// Report is what Probe found out.
type Report struct {
	Err        error // why there is no ring; nil: there is one
	Flags      []string
	Operations map[string]bool
	Registered error // why buffers can't be registered; nil: they can
}

// String says it in a sentence.
func (p *Report) String() string {
	switch {
	case p.Err != nil:
		return Explain(p.Err)
	case p.Registered != nil:
		return fmt.Sprintf("io_uring works, without registered buffers: %v (RLIMIT_MEMLOCK is %s)", p.Registered, memlock())
	}
	return "io_uring works, with registered buffers"
}

// operations are those that this package prepares.
var operations = [...]struct {
	name string
	code uint8
}{
	{"nop", iouring.IORING_OP_NOP},
	{"read", iouring.IORING_OP_READ},
	{"read_fixed", iouring.IORING_OP_READ_FIXED},
	{"write", iouring.IORING_OP_WRITE},
	{"write_fixed", iouring.IORING_OP_WRITE_FIXED},
	{"send", iouring.IORING_OP_SEND},
	{"recv", iouring.IORING_OP_RECV},
	{"sendmsg", iouring.IORING_OP_SENDMSG},
	{"recvmsg", iouring.IORING_OP_RECVMSG},
	{"send_zc", iouring.IORING_OP_SEND_ZC},
	{"poll", iouring.IORING_OP_POLL_ADD},
	{"openat", iouring.IORING_OP_OPENAT},
	{"openat2", iouring.IORING_OP_OPENAT2},
	{"fgetxattr", iouring.IORING_OP_FGETXATTR},
	{"statx", iouring.IORING_OP_STATX},
	{"close", iouring.IORING_OP_CLOSE},
	{"fsync", iouring.IORING_OP_FSYNC},
	{"splice", iouring.IORING_OP_SPLICE},
	{"timeout", iouring.IORING_OP_TIMEOUT},
	{"cancel", iouring.IORING_OP_ASYNC_CANCEL},
}

// Probe finds out what this kernel lets this process do, by doing it: it makes a
// ring, sends a NOP round, registers one buffer, and asks for the operations.
func Probe() *Report {
	p := &Report{}
	done := make(chan struct{})
	go func() { // on a thread that ends with it
		defer close(done)
		runtime.LockOSThread()
		p.Err = p.run()
	}()
	<-done
	return p
}

func (p *Report) run() error {
	r, err := New(Config{})
	if err != nil {
		return err
	}
	p.Flags = flagNames(r.flags)
	err = r.roundTrip()
	if err == nil {
		err = p.operations(r)
	}
	if err == nil {
		err = p.registration(r)
	}
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return err
}

// roundTrip sends a NOP down and awaits it.
func (r *Ring) roundTrip() error {
	if err := r.Nop(1); err != nil {
		return err
	}
	if err := r.Wait(time.Now().Add(probePatience)); err != nil {
		return fmt.Errorf("a ring that was made does not answer: %w", err)
	}
	c, _ := r.Next()
	return c.Err
}

const probePatience = 5 * time.Second

func (p *Report) operations(r *Ring) error {
	known, err := r.supported()
	if err != nil {
		return fmt.Errorf("ask for operations: %w", err)
	}
	p.Operations = map[string]bool{}
	for _, op := range operations {
		p.Operations[op.name] = known[op.code]
	}
	return nil
}

// registration tries a table with one buffer in it.
func (p *Report) registration(r *Ring) error {
	pool, err := buffer.New(buffer.Config{Count: 1})
	if err != nil {
		return err
	}
	b := pool.TryGet()
	if b == nil {
		return buffer.ErrClosed
	}
	p.Registered = r.Register(pool)
	if p.Registered == nil {
		p.Registered = r.register(b)
	}
	r.unregister()
	b.Release()
	return pool.Close()
}

func flagNames(flags uint32) []string {
	var names []string
	for _, f := range []struct {
		flag uint32
		name string
	}{
		{iouring.IORING_SETUP_CLAMP, "CLAMP"},
		{iouring.IORING_SETUP_SUBMIT_ALL, "SUBMIT_ALL"},
		{iouring.IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN"},
		{setupSingleIssuer, "SINGLE_ISSUER"},
		{setupDeferTaskrun, "DEFER_TASKRUN"},
	} {
		if flags&f.flag != 0 {
			names = append(names, f.name)
		}
	}
	return names
}
