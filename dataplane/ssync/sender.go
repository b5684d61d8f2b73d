package ssync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// SenderConfig says how sessions are sent. Zero values mean the defaults; the
// keys of [object-replicator] are named.
type SenderConfig struct {
	Pool   *buffer.Pool
	Engine *engine.Engine // how bodies are sent; nil: portable
	Log    *slog.Logger

	ConnTimeout time.Duration // conn_timeout; 0.5 s
	NodeTimeout time.Duration // node_timeout, of the response head and each send; 10 s
	HTTPTimeout time.Duration // http_timeout, of each line waited for; 60 s
	ChunkBytes  int           // payload of a full chunk; 1 MiB
	MaxOffers   int           // of one session; 100,000
	MD5         bool          // read bodies against their ETag as well, as Swift's sender does
	FallBack    bool          // Push asks with REPLICATION where SSYNC is answered by 405
	Dialer      func(ctx context.Context, address string) (net.Conn, error)
}

const (
	defaultConnTimeout = 500 * time.Millisecond
	defaultNodeTimeout = 10 * time.Second
	defaultHTTPTimeout = 60 * time.Second
	defaultMaxOffers   = 100_000

	// flushAfter is how long a line may wait for others to share its chunk: the
	// receiver's patience is 60 s, and its disk should not idle.
	flushAfter = time.Second

	// offersAtOnce go out together: the receiver opens what he has of them while
	// the next ones are listed here.
	offersAtOnce = 256

	// maxResponseHead bounds the receiver's head, and what is kept of the body of
	// a refusal.
	maxResponseHead = 64 << 10
	maxRefusal      = 1024
)

// Sender pushes objects to receivers. It may be used by many sessions at once.
type Sender struct{ cfg SenderConfig }

// NewSender returns a sender.
func NewSender(cfg SenderConfig) (*Sender, error) {
	if cfg.Pool == nil || cfg.Log == nil {
		return nil, errors.New("ssync: a sender needs a pool and a log")
	}
	setDefault(&cfg.ConnTimeout, defaultConnTimeout)
	setDefault(&cfg.NodeTimeout, defaultNodeTimeout)
	setDefault(&cfg.HTTPTimeout, defaultHTTPTimeout)
	setDefault(&cfg.MaxOffers, defaultMaxOffers)
	if cfg.MaxOffers > maxEntries {
		return nil, fmt.Errorf("ssync: %d offers in one session are more than %d", cfg.MaxOffers, maxEntries)
	}
	if cfg.Dialer == nil {
		dialer := &net.Dialer{Control: Socket{UserTimeout: cfg.NodeTimeout}.Control}
		cfg.Dialer = func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}
	}
	return &Sender{cfg: cfg}, nil
}

// Job is what one session sends, and where to.
type Job struct {
	Verb       Verb
	To         string // the receiver's HOST:PORT
	Device     string // as the receiver calls it
	Partition  *store.Partition
	Suffixes   []proto.Suffix // ascending; none: nothing to do, and nobody is called
	Only       []proto.Hash   // if not nil: offer just these, ascending as a partition is listed, and send nothing
	MaxObjects int            // 0: no limit
	Progress   *Progress      // may be nil
}

// transmission is one session.
type transmission struct {
	*Sender
	job      Job
	dialect  dialect
	policy   int
	conn     net.Conn
	out      *engine.Outbound
	peer     *answers
	log      *slog.Logger
	result   Result
	listed   int // suffixes of the job that were offered whole
	flushed  time.Time
	unlisted *store.UnreadableError
	bare     bool // some wanted line had no flags
	window   window
}

// Send speaks one session. The result is never nil: Err in it is why the session
// failed. It tells how many of the job's suffixes it got to; the rest is for
// another session. Source: ssync_sender.py, Sender.__call__.
func (s *Sender) Send(ctx context.Context, job Job) (result *Result, suffixes int) {
	t := &transmission{Sender: s, job: job, dialect: job.Verb.dialect(), policy: job.Partition.Policy().Index}
	t.window.t = t
	t.log = s.cfg.Log.With("device", job.Partition.Device().Name(), "policy", t.policy, "partition", job.Partition.Number(), "peer", job.To)
	if len(job.Suffixes) == 0 && len(job.Only) == 0 {
		return &t.result, 0
	}
	t.result.Sessions = 1
	err := t.converse(ctx)
	if err == nil && t.unlisted != nil {
		err = t.unlisted
	} else if err != nil {
		err = fmt.Errorf("%s/%s/%d: %w", job.To, job.Device, job.Partition.Number(), err)
	}
	t.result.Err = err
	if err != nil && !partial(err) {
		t.result.offers.unconfirm()
	}
	t.result.tally()
	return &t.result, t.listed
}

func (t *transmission) converse(ctx context.Context) (err error) {
	if err := t.connect(ctx); err != nil {
		return err
	}
	defer func() { t.disconnect(err == nil || t.dialect.endsAlways()) }()
	// Whatever ends the session must also end a write that nobody reads.
	stop := context.AfterFunc(ctx, t.out.Interrupt)
	defer stop()
	err = t.missingCheck(ctx)
	if err == nil && t.job.Only == nil {
		err = t.updates(ctx)
	}
	return t.blame(ctx, err)
}

// blame finds the reason behind an error: a send that failed because the receiver
// had ended the session is told by what he said.
func (t *transmission) blame(ctx context.Context, err error) error {
	var op *engine.OpError
	if err == nil || !errors.As(err, &op) {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, unix.ETIMEDOUT) {
		return err // the kernel tells one of the two directions, the other sees an end
	}
	if said := t.peer.verdict(lingerFor); said != nil {
		return said
	}
	return err
}

// connect dials, asks, and reads the response head. Source: ssync_sender.py,
// Sender.connect.
func (t *transmission) connect(ctx context.Context) error {
	head, err := t.request()
	if err != nil {
		return err
	}
	dialing, cancel := context.WithTimeout(ctx, t.cfg.ConnTimeout)
	defer cancel()
	conn, err := t.cfg.Dialer(dialing, t.job.To)
	if err != nil {
		return waited("connect send", t.cfg.ConnTimeout, err)
	}
	t.conn = conn
	if err := t.open(ctx, head); err != nil {
		conn.Close()
		return err
	}
	return nil
}

func (t *transmission) open(ctx context.Context, request proto.RequestHead) error {
	stop := context.AfterFunc(ctx, func() { t.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	t.conn.SetDeadline(time.Now().Add(t.cfg.NodeTimeout))
	if _, err := t.conn.Write(proto.AppendRequestHead(nil, request)); err != nil {
		return waited("connect send", t.cfg.NodeTimeout, err)
	}
	head, ahead, err := readResponseHead(t.conn)
	if err != nil {
		return waited("connect receive", t.cfg.NodeTimeout, err)
	}
	if head.Status != 200 {
		return t.refused(head, ahead)
	}
	chunked, length, err := head.Body()
	if err != nil {
		return err
	}
	t.conn.SetDeadline(time.Time{})
	in, err := engine.NewInbound(ctx, t.conn, engine.InConfig{Pool: t.cfg.Pool, Chunked: chunked, Length: length, Ahead: ahead})
	if err != nil {
		return err
	}
	t.out, err = engine.NewOutbound(ctx, t.conn, engine.OutConfig{Pool: t.cfg.Pool, ChunkBytes: t.cfg.ChunkBytes, WriteTimeout: t.cfg.NodeTimeout, Engine: t.cfg.Engine})
	if err != nil {
		in.Close()
		return err
	}
	t.peer = listen(in, t.out.Interrupt)
	t.flushed = time.Now()
	return nil
}

func (t *transmission) request() (proto.RequestHead, error) {
	placement, err := t.dialect.placement(t.policy)
	return proto.RequestHead{
		Method: t.job.Verb.String(),
		Target: "/" + t.job.Device + "/" + strconv.FormatUint(uint64(t.job.Partition.Number()), 10),
		Minor:  1,
		Headers: append([]proto.Header{
			{Name: "Host", Value: t.job.To},
			{Name: "Accept-Encoding", Value: "identity"},
			{Name: "Transfer-Encoding", Value: "chunked"},
		}, placement...),
	}, err
}

// readResponseHead returns the head and what came behind it.
func readResponseHead(conn net.Conn) (head proto.ResponseHead, ahead []byte, err error) {
	var buf []byte
	for {
		if end := proto.HeadEnd(buf); end >= 0 {
			head, err = proto.ParseResponseHead(buf[:end])
			return head, buf[end:], err
		}
		if len(buf) >= maxResponseHead {
			return head, nil, fmt.Errorf("response head of more than %d bytes", maxResponseHead)
		}
		piece := make([]byte, 4<<10)
		n, err := conn.Read(piece)
		if n == 0 && err != nil {
			return head, nil, err
		}
		buf = append(buf, piece[:n]...)
	}
}

func (t *transmission) refused(head proto.ResponseHead, ahead []byte) error {
	body := ahead
	if _, length, err := head.Body(); err == nil && length > int64(len(ahead)) {
		more := make([]byte, min(length, maxRefusal)-int64(min(len(ahead), maxRefusal)))
		n, _ := io.ReadFull(t.conn, more) // what is missing of a refusal's text is no matter
		body = append(body, more[:n]...)
	}
	return &StatusError{Status: head.Status, Body: string(body[:min(len(body), maxRefusal)])}
}

// missingCheck offers, and learns what is wanted. Source: ssync_sender.py,
// Sender.missing_check.
func (t *transmission) missingCheck(ctx context.Context) error {
	if err := t.out.Text([]byte(proto.MissingCheckStart + "\r\n")); err != nil {
		return err
	}
	if err := t.offer(ctx); err != nil {
		return err
	}
	if err := t.out.Text([]byte(proto.MissingCheckEnd + "\r\n")); err != nil {
		return err
	}
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.expect(ctx, proto.MissingCheckStart, "missing_check start"); err != nil {
		return err
	}
	for {
		line, err := t.hear(ctx, "missing_check line")
		if err != nil {
			return err
		}
		if proto.IsMarker(line, proto.MissingCheckEnd) {
			break
		}
		if err := t.want(line); err != nil {
			return err
		}
	}
	for i := range t.result.offers.entries {
		if e := &t.result.offers.entries[i]; e.want == 0 {
			e.outcome = t.dialect.unwanted(t.bare)
		}
	}
	return nil
}

// offer lists the job's objects, suffix by suffix, until the session is full: a
// suffix that does not fit whole is left for the next one.
func (t *transmission) offer(ctx context.Context) error {
	if t.job.Only != nil {
		return t.offerOnly()
	}
	listing := t.list(ctx)
	defer listing.close()
	for _, suffix := range t.job.Suffixes {
		offers, err := listing.next()
		if err := t.note(err); err != nil {
			return err
		}
		if len(offers) > maxEntries {
			return fmt.Errorf("suffix %s: %d objects, more than a session can hold", suffix, len(offers))
		}
		if t.result.Offered > 0 && t.result.Offered+len(offers) > t.cfg.MaxOffers {
			return nil
		}
		t.listed++
		for _, o := range offers {
			if t.job.MaxObjects > 0 && t.result.Offered == t.job.MaxObjects {
				t.result.Limited = true
				return nil
			}
			if err := t.offerOne(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// note keeps what could not be listed for the end; other errors end the session.
func (t *transmission) note(err error) error {
	var unreadable *store.UnreadableError
	if !errors.As(err, &unreadable) {
		return err
	}
	if t.unlisted == nil {
		t.unlisted = unreadable
	}
	return nil
}

func (t *transmission) offerOnly() error {
	for _, h := range t.job.Only {
		o, there, err := t.job.Partition.Offer(h)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		if err := t.offerOne(o); err != nil {
			return err
		}
	}
	return nil
}

func (t *transmission) offerOne(o proto.Offer) error {
	t.result.offers.add(t.dialect.said(o))
	t.result.Offered++
	t.job.Progress.offered()
	if err := t.out.Append(func(dst []byte) []byte { return t.dialect.appendOffer(dst, o) }, 256); err != nil {
		return err
	}
	if t.result.Offered%offersAtOnce == 0 {
		return t.flush()
	}
	return t.flushLate()
}

// want notes a wanted line. A hash may come more than once; one that was never
// offered is no answer to us.
func (t *transmission) want(line []byte) error {
	w, err := proto.ParseWanted(line)
	if err != nil {
		return fmt.Errorf("wanted line: %w", err)
	}
	e := t.result.offers.find(w.Hash)
	if e == nil {
		return fmt.Errorf("the receiver wants %s, which was not offered", w.Hash)
	}
	if e.want == 0 && (w.Data || w.Meta) {
		t.result.Wanted++
		t.job.Progress.wanted()
	}
	if w.Data {
		e.want |= wantData
	}
	if w.Meta {
		e.want |= wantMeta
	}
	if !proto.HasWantedFlags(line) {
		e.want |= wantBare
		t.bare = true
	}
	return nil
}

// updates sends what is wanted, and hears the verdict. Source: ssync_sender.py,
// Sender.updates.
func (t *transmission) updates(ctx context.Context) error {
	if err := t.out.Text([]byte(proto.UpdatesStart + "\r\n")); err != nil {
		return err
	}
	defer t.window.close()
	for i := range t.result.offers.entries {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e := &t.result.offers.entries[i]
		if e.want == 0 {
			continue
		}
		t.window.turn(i)
		if err := t.update(e); err != nil {
			e.outcome = Failed
			return err
		}
		if err := t.flushLate(); err != nil {
			return err
		}
	}
	if err := t.out.Text([]byte(proto.UpdatesEnd + "\r\n")); err != nil {
		return err
	}
	if err := t.flush(); err != nil {
		return err
	}
	if err := t.expect(ctx, proto.UpdatesStart, "updates start"); err != nil {
		return err
	}
	return t.expect(ctx, proto.UpdatesEnd, "updates line")
}

// disconnect ends the body, if it shall have an end and still can, and hangs up.
// Source: ssync_sender.py, Sender.disconnect.
func (t *transmission) disconnect(ending bool) {
	if ending {
		t.out.End()
	}
	t.conn.Close()
	t.peer.close()
	t.out.Close()
}

func (t *transmission) flush() error {
	t.flushed = time.Now()
	return t.out.Flush()
}

// flushLate lets nothing wait for long that could be sent.
func (t *transmission) flushLate() error {
	if time.Since(t.flushed) < flushAfter {
		return nil
	}
	return t.flush()
}

// hear waits for the receiver's next line. His keep-alives are blank lines, each
// of which starts the wait anew.
func (t *transmission) hear(ctx context.Context, wait string) ([]byte, error) {
	return t.peer.next(ctx, wait, t.cfg.HTTPTimeout)
}

func (t *transmission) expect(ctx context.Context, marker, wait string) error {
	line, err := t.hear(ctx, wait)
	if err != nil {
		return err
	}
	if !proto.IsMarker(line, marker) {
		return &UnexpectedError{Want: marker, Got: string(line)}
	}
	return nil
}
