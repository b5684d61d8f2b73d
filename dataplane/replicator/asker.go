package replicator

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// maxDigests bounds an answer to REPLICATE: 4,096 suffixes take 240 kB in
	// protocol 2, and not twice that in Python 2's protocol 0.
	maxDigests = 1 << 20
	// maxAnswerHead bounds its head.
	maxAnswerHead = 64 << 10

	// keptFor is how long a connection may have been idle to be asked again. Ours
	// shuts it after five seconds, Swift's after its client_timeout.
	keptFor = 4 * time.Second
	// mostKept of them wait for the next question.
	mostKept = 64
)

// asker asks other nodes for the digests of partitions, and keeps the connections
// for the next ones: where nothing is to be done, to open and close one is most of
// the work.
type asker struct {
	dial func(ctx context.Context, address string) (net.Conn, error)
	wait time.Duration

	mu   sync.Mutex
	kept []*line // the one used last is the last
}

// line is a connection to a node.
type line struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
	most    *io.LimitedReader // below in: of one answer
	at      time.Time         // when it was kept; zero: never
	unput   error             // the question could not be put
	heard   bool              // something came back
	stays   bool              // it can be asked again
}

func newAsker(cfg Config) *asker {
	return &asker{wait: cfg.Sender.HTTPTimeout, dial: func(ctx context.Context, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, cfg.Sender.ConnTimeout)
		defer cancel()
		return cfg.Dialer(ctx, address)
	}}
}

// ask appends the body of a node's answer to dst. A connection that was kept may have
// been shut by then: one that brings nothing at all is replaced. So is one on which
// the question has been put before; nil: none.
func (a *asker) ask(ctx context.Context, l *line, address string, request, dst []byte) ([]byte, error) {
	for {
		if l == nil {
			var err error
			if l, err = a.line(ctx, address); err != nil {
				return dst, err
			}
			l.put(request)
		}
		body, err := l.answer(ctx, dst)
		if err != nil && !l.heard && !l.at.IsZero() && ctx.Err() == nil {
			l = nil
			continue
		}
		if l.stays {
			a.keep(l)
		}
		return body, err
	}
}

// ahead puts a question on a connection that was kept: who asks has something else to
// do until he wants to know. nil: none was kept.
func (a *asker) ahead(address string, request []byte) *line {
	l := a.take(address)
	if l != nil {
		l.put(request)
	}
	return l
}

// line takes a connection that was kept, or opens one.
func (a *asker) line(ctx context.Context, address string) (*line, error) {
	if l := a.take(address); l != nil {
		return l, nil
	}
	conn, err := a.dial(ctx, address)
	if err != nil {
		return nil, err
	}
	most := &io.LimitedReader{R: conn}
	return &line{address: address, conn: conn, most: most, in: bufio.NewReaderSize(most, 16<<10)}, nil
}

// take takes the connection to an address that was used last, and shuts those that
// have been idle for too long.
func (a *asker) take(address string) *line {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.kept) > 0 && time.Since(a.kept[0].at) > keptFor {
		a.kept[0].conn.Close()
		a.kept = a.kept[1:]
	}
	for i := len(a.kept) - 1; i >= 0; i-- {
		if l := a.kept[i]; l.address == address {
			a.kept = append(a.kept[:i], a.kept[i+1:]...)
			return l
		}
	}
	return nil
}

// keep keeps a connection for the next question.
func (a *asker) keep(l *line) {
	l.at = time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.kept) == mostKept {
		a.kept[0].conn.Close()
		a.kept = a.kept[1:]
	}
	a.kept = append(a.kept, l)
}

// hangUp shuts what is kept.
func (a *asker) hangUp() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, l := range a.kept {
		l.conn.Close()
	}
	a.kept = nil
}

// put puts a question. Nothing is on its way on a connection that was kept or is new,
// so it does not wait.
func (l *line) put(request []byte) {
	l.heard, l.stays = false, false
	_, l.unput = l.conn.Write(request)
}

// answer reads an answer. The connection stays when that was whole, and 200, and the
// node says so; else it is closed.
func (l *line) answer(ctx context.Context, dst []byte) (body []byte, err error) {
	stop := context.AfterFunc(ctx, func() { l.conn.SetDeadline(time.Unix(1, 0)) })
	defer func() {
		inTime := stop() // else its deadline has passed
		if l.stays = l.stays && inTime; !l.stays {
			l.conn.Close()
		}
	}()
	if l.unput != nil {
		return dst, l.unput
	}
	l.most.N = maxAnswerHead + maxDigests
	if _, err := l.in.Peek(1); err != nil {
		return dst, fmt.Errorf("digests: %w", err)
	}
	l.heard = true
	answer, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return dst, fmt.Errorf("digests: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return dst, &statusError{answer.StatusCode}
	}
	body, err = readDigests(answer, dst)
	l.stays = err == nil && !answer.Close && l.in.Buffered() == 0
	return body, err
}

func readDigests(answer *http.Response, dst []byte) ([]byte, error) {
	if answer.ContentLength > maxDigests {
		return dst, fmt.Errorf("digests: an answer of %d bytes, more than %d", answer.ContentLength, maxDigests)
	}
	if n := int(answer.ContentLength); n >= 0 {
		body := slices.Grow(dst, n)[:len(dst)+n]
		if _, err := io.ReadFull(answer.Body, body[len(dst):]); err != nil {
			return dst, fmt.Errorf("digests: %w", err)
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxDigests+1))
	switch {
	case err != nil:
		return dst, fmt.Errorf("digests: %w", err)
	case len(body) > maxDigests:
		return dst, fmt.Errorf("digests: an answer of more than %d bytes", maxDigests)
	}
	return append(dst, body...), nil
}
