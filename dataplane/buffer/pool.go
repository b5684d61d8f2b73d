package buffer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/valyala/bytebufferpool"
	"golang.org/x/sys/unix"
)

const (
	// A chunk of 1 MiB, its header before it and its CRLF behind it; one page
	// is the least that keeps the buffers page-aligned.
	defaultPayload = 1 << 20
	// 64 buffers are 64 MiB: sixteen bodies landing at once with four each.
	defaultCount = 64
)

var (
	// ErrClosed is returned by Get after Close.
	ErrClosed = errors.New("buffer pool is closed")
	// ErrInUse is returned by Close while buffers are out.
	ErrInUse = errors.New("buffers are still in use")
)

// Config sizes a Pool. The zero value is usable.
type Config struct {
	Bytes int // of one buffer, a multiple of the page size; 0 = 1 MiB and one page
	Count int // ceiling, in buffers; 0 = 64
}

// Pool hands out equal buffers up to a ceiling. It is safe for concurrent use.
type Pool struct {
	bytes int
	count int

	// tokens has a place for each buffer that may be out. Whoever put a token
	// in is certain to find a buffer, free or still to be opened.
	tokens chan struct{}

	mu     sync.Mutex
	slab   []byte    // the whole reservation
	kernel []byte    // the same pages, as the kernel is given them
	opened int       // buffers of the slab that have been handed out at least once
	free   []*Buffer // a stack: the buffer used last is the one still in cache
	texts  int       // text buffers out
	closed bool

	text bytebufferpool.Pool
}

// New reserves address space for a pool. It takes no memory yet.
func New(cfg Config) (*Pool, error) {
	page := os.Getpagesize()
	if cfg.Bytes == 0 {
		cfg.Bytes = defaultPayload + page
	}
	if cfg.Count == 0 {
		cfg.Count = defaultCount
	}
	if cfg.Bytes < 0 || cfg.Bytes%page != 0 {
		return nil, fmt.Errorf("buffer size %d is not a multiple of the page size %d", cfg.Bytes, page)
	}
	if cfg.Count < 0 {
		return nil, fmt.Errorf("buffer count %d is negative", cfg.Count)
	}
	if cfg.Count > maxInt/cfg.Bytes {
		return nil, fmt.Errorf("%d buffers of %d bytes exceed the address space", cfg.Count, cfg.Bytes)
	}
	slab, kernel, err := reserve(cfg.Bytes * cfg.Count)
	if err != nil {
		return nil, fmt.Errorf("reserve %d buffers of %d bytes: %w", cfg.Count, cfg.Bytes, err)
	}
	return &Pool{
		bytes:  cfg.Bytes,
		count:  cfg.Count,
		slab:   slab,
		kernel: kernel,
		free:   make([]*Buffer, 0, cfg.Count),
		tokens: make(chan struct{}, cfg.Count),
	}, nil
}

const maxInt = int(^uint(0) >> 1)

// Bytes is the size of each buffer.
func (p *Pool) Bytes() int { return p.bytes }

// Count is the ceiling, in buffers.
func (p *Pool) Count() int { return p.count }

// Get hands out a buffer, owned by the caller until its Release. At the
// ceiling it waits, first come first served, until a buffer is released or ctx
// ends; it then returns the cause of ctx. The contents are undefined.
func (p *Pool) Get(ctx context.Context) (*Buffer, error) {
	select {
	case p.tokens <- struct{}{}:
		return p.take()
	default:
	}
	select {
	case p.tokens <- struct{}{}:
		return p.take()
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for one of %d buffers: %w", p.count, context.Cause(ctx))
	}
}

// TryGet is Get without the wait: nil at the ceiling, after Close, and when
// the system has no memory for another buffer.
func (p *Pool) TryGet() *Buffer {
	select {
	case p.tokens <- struct{}{}:
	default:
		return nil
	}
	b, err := p.take()
	if err != nil {
		return nil
	}
	return b
}

// TrySpare is TryGet for who could do without: it leaves half of the pool to
// others.
func (p *Pool) TrySpare() *Buffer {
	if 2*len(p.tokens) >= p.count {
		return nil
	}
	return p.TryGet()
}

// take turns a token into a buffer, or gives the token back.
func (p *Pool) take() (*Buffer, error) {
	b, err := p.popOrOpen()
	if err != nil {
		<-p.tokens
		return nil, err
	}
	return b, nil
}

func (p *Pool) popOrOpen() (*Buffer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	if last := len(p.free) - 1; last >= 0 {
		b := p.free[last]
		p.free = p.free[:last]
		b.out = true
		return b, nil
	}
	return p.open()
}

// open makes the next buffer of the slab accessible. The kernel gives it
// memory page by page as it is touched.
func (p *Pool) open() (*Buffer, error) {
	low := p.opened * p.bytes
	bytes := p.slab[low : low+p.bytes : low+p.bytes]
	if err := unix.Mprotect(bytes, unix.PROT_READ|unix.PROT_WRITE); err != nil {
		return nil, fmt.Errorf("open buffer %d: %w", p.opened, os.NewSyscallError("mprotect", err))
	}
	b := &Buffer{pool: p, index: p.opened, bytes: bytes, kernel: p.kernel[low : low+p.bytes : low+p.bytes], out: true}
	p.opened++
	return b, nil
}

// put takes a buffer back.
func (p *Pool) put(b *Buffer) {
	b.lent.check(b)
	p.mu.Lock()
	if !b.out {
		p.mu.Unlock()
		panic(fmt.Sprintf("buffer %d was released twice", b.index))
	}
	if invariants {
		scramble(b.bytes)
	}
	b.out = false
	p.free = append(p.free, b)
	p.mu.Unlock()
	<-p.tokens
}

// InUse counts the buffers, text buffers included, that are out.
func (p *Pool) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inUse()
}

func (p *Pool) inUse() int { return p.opened - len(p.free) + p.texts }

// Close unmaps the slab. While buffers are out it does nothing and returns
// ErrInUse: to unmap memory that somebody still fills would be worse than a
// leak.
func (p *Pool) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	if n := p.inUse(); n > 0 {
		return fmt.Errorf("close pool: %w: %d", ErrInUse, n)
	}
	if err := unreserve(p.slab, p.kernel); err != nil {
		return fmt.Errorf("close pool: %w", err)
	}
	p.closed, p.slab, p.kernel, p.free, p.opened = true, nil, nil, nil, 0
	return nil
}
