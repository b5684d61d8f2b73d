package ssync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/limit"
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
	Verify      Verify        // what another of ours holds bodies against at the least; stored
	FallBack    bool          // Push asks with REPLICATION where SSYNC is answered by 405
	Limits      *limit.Set    // of bytes a second; nil: none
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
	features proto.Features // asked for, and then agreed on
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
	answered bool // the answer to the offers has begun
	window   window
	readOn   readOn
	pacer    *limit.Stream // nil without limits
}

// Send speaks one session. The result is never nil: Err in it is why the session
// failed. It tells how many of the job's suffixes it got to; the rest is for
// another session. Source: ssync_sender.py, Sender.__call__.
func (s *Sender) Send(ctx context.Context, job Job) (result *Result, suffixes int) {
	t := &transmission{Sender: s, job: job, dialect: job.Verb.dialect(), policy: job.Partition.Policy().Index}
	t.window.t, t.readOn.t = t, t
	t.features = t.dialect.features(s.cfg.Verify.features())
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
	t.tell()
	return &t.result, t.listed
}

// tell is the session's line in the log.
func (t *transmission) tell() {
	r := &t.result
	log := t.log.With("offered", r.Offered, "wanted", r.Wanted, "sent", r.Sent, "proven", r.Proven, "unproven", r.Unproven, "not_sent", r.NotSent,
		"failed", r.Failed, "bytes", r.Bytes, "verified", r.Verified.String(), "features", r.Features.String(),
		"ways", r.Ways.String(), "zero_copy", r.ZeroCopy.String(), "paced", r.Paced.Round(time.Millisecond).String())
	if r.Err != nil {
		log.Info("sent session failed", "error", r.Err)
		return
	}
	log.Info("sent session ended")
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

// disconnect ends the body, if it shall have an end and still can, and hangs up.
// Source: ssync_sender.py, Sender.disconnect.
func (t *transmission) disconnect(ending bool) {
	if ending {
		t.out.End()
	}
	t.conn.Close()
	t.peer.close()
	t.noteWays()
	t.out.Close()
	t.pacer.Close()
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
