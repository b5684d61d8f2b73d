package ssync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/limit"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// ReceiverConfig says how sessions are received. Zero values mean the defaults;
// the keys of object-server.conf are named.
type ReceiverConfig struct {
	Store   *store.Store
	Pool    *buffer.Pool   // for bodies
	Answers *buffer.Pool   // one for each session, while it lasts; nil: Pool
	Engine  *engine.Engine // how bodies land; nil: portable
	Log     *slog.Logger
	Watch   *store.Watch // ends the sessions on a device that goes away; may be nil

	ClientTimeout    time.Duration // client_timeout, of each line and body read; 60 s
	LockTimeout      time.Duration // replication_lock_timeout, of both locks together; 15 s
	Concurrency      int           // replication_concurrency; 0: no limit
	PerDevice        int           // replication_concurrency_per_device; 0 means 1, negative no limit
	FailureThreshold int           // replication_failure_threshold; 100
	FailureRatio     float64       // replication_failure_ratio; 1.0
	GroupSize        int           // objects that one commit publishes at the most; 256
	KeepAlive        time.Duration // between blank lines while the sender waits; 5 s
	Limits           *limit.Set    // of bytes a second; nil: none
	Verify           Verify        // what bodies from another of ours are held against at the least; stored

	// Settled is told of each subrequest when it has come to its end, from
	// several goroutines at once. nil: nobody wants to know.
	Settled func(Subrequest)
}

const (
	defaultClientTimeout    = 60 * time.Second
	defaultLockTimeout      = 15 * time.Second
	defaultFailureThreshold = 100
	defaultFailureRatio     = 1.0
	defaultGroupSize        = 256
	defaultKeepAlive        = 5 * time.Second

	// A sender has to send paceBytes in any paceWaits times client_timeout in which he
	// is waited for, or a byte a minute would hold a partition, a slot of its device
	// and what else a session has. A sender whose disk takes half a minute for each
	// offer is faster.
	paceBytes = 1 << 10
	paceWaits = 10

	// lingerFor is how long input is read and dropped after an error line: a
	// reset would make the sender lose the line before it has read it.
	lingerFor = time.Second

	// goneAfter is how long a session may take to leave a device that has gone,
	// before also a write to a sender who does not read is cut. What is committed
	// by then takes its time; within 10 s in all the disk shall be free.
	goneAfter = 5 * time.Second
)

// Receiver answers SSYNC and REPLICATION requests. It may be used by many
// sessions at once.
type Receiver struct {
	cfg   ReceiverConfig
	slots chan struct{} // nil: no limit
}

// NewReceiver returns a receiver over cfg.Store.
func NewReceiver(cfg ReceiverConfig) (*Receiver, error) {
	if cfg.Store == nil || cfg.Pool == nil || cfg.Log == nil {
		return nil, errors.New("ssync: a receiver needs a store, a pool and a log")
	}
	setDefault(&cfg.ClientTimeout, defaultClientTimeout)
	setDefault(&cfg.LockTimeout, defaultLockTimeout)
	setDefault(&cfg.FailureThreshold, defaultFailureThreshold)
	setDefault(&cfg.FailureRatio, defaultFailureRatio)
	setDefault(&cfg.GroupSize, defaultGroupSize)
	setDefault(&cfg.KeepAlive, defaultKeepAlive)
	setDefault(&cfg.PerDevice, 1)
	if cfg.Answers == nil {
		cfg.Answers = cfg.Pool
	}
	r := &Receiver{cfg: cfg}
	if cfg.Concurrency > 0 {
		r.slots = make(chan struct{}, cfg.Concurrency)
	}
	return r, nil
}

func setDefault[T int | float64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Request is a request whose head has been read and found good.
type Request struct {
	Verb      Verb
	Device    string
	Policy    hashes.Policy
	Partition uint32
	Minor     int            // of HTTP/1.x: a peer of 1.0 is answered without chunks
	Chunked   bool           // the body is; else it has Length bytes
	Length    int64          // -1: until the connection ends
	Ahead     []byte         // of the body, read behind the head
	Features  proto.Features // that the sender asks for
}

// Report tells what came of a session.
type Report struct {
	Offered, Wanted                int
	Puts, Posts, Deletes, Failures int
	Bytes                          int64          // of bodies
	Verified                       Verified       // bodies that were stored
	Features                       proto.Features // that were agreed on
	Ways                           engine.Ways    // of bodies of more than 64 KiB
	Paced                          time.Duration  // waited for limits of bytes a second
	Elapsed                        time.Duration
}

// reception is one session.
type reception struct {
	*Receiver
	req       Request
	dialect   dialect
	features  proto.Features // that were agreed on
	conn      net.Conn
	in        *engine.Inbound
	out       *engine.Outbound
	device    *store.Device
	partition *store.Partition
	log       *slog.Logger
	wanted    []proto.Wanted // sorted, once the check is over
	report    Report
	pacer     *limit.Stream // nil without limits
	progress  atomic.Int64  // objects checked or committed, for keep-alives
}

// Serve speaks a session to its end, from the response head on, and leaves the
// connection to be closed. An error has been told to the sender where he could
// still be told. Source: ssync_receiver.py, Receiver.__call__.
func (r *Receiver) Serve(ctx context.Context, conn net.Conn, req Request) (Report, error) {
	s := r.reception(conn, req)
	s.log = r.cfg.Log.With("device", req.Device, "policy", req.Policy.Index, "partition", req.Partition, "peer", peerOf(conn))
	start := time.Now()
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	err := s.respond(ctx)
	if err == nil {
		err = s.converse(ctx, end)
		if err != nil {
			s.tell(err)
		}
		s.noteWays()
		s.in.Close()
		s.out.Close()
		s.pacer.Close()
	}
	s.report.Elapsed = time.Since(start)
	if err != nil {
		err = fmt.Errorf("%s/%s/%d: %w", peerOf(conn), req.Device, req.Partition, err)
	}
	return s.report, err
}

// Refuse answers a REPLICATION request that can't be served. Its senders know no
// status but 200, so that what is wrong is an error line in the body: code 507,
// 503 or, for what is wrong with the request itself, 0. Source: ssync_receiver.py
// of 1.11, Receiver.__call__.
func (r *Receiver) Refuse(ctx context.Context, conn net.Conn, req Request, refusal *Refusal) error {
	s := r.reception(conn, req)
	if err := s.respond(ctx); err != nil {
		return err
	}
	s.tell(refusal)
	s.in.Close()
	s.out.Close()
	s.pacer.Close()
	return nil
}

func (r *Receiver) reception(conn net.Conn, req Request) *reception {
	s := &reception{Receiver: r, req: req, dialect: req.Verb.dialect(), conn: conn}
	s.features = s.dialect.features(r.cfg.Verify.agree(req.Features, req.Chunked && req.Minor > 0))
	s.report.Features = s.features
	return s
}

func peerOf(conn net.Conn) string {
	if addr := conn.RemoteAddr(); addr != nil {
		return addr.String()
	}
	return "unknown"
}

// respond answers the head at once, with a blank line behind it: old senders
// need bytes of the body before they go on.
func (s *reception) respond(ctx context.Context) (err error) {
	raw, sums := s.req.Minor == 0, s.features.Has(proto.FeatureXXH64)
	head := proto.ResponseHead{Status: 200, Reason: "OK", Minor: 1, Headers: []proto.Header{
		{Name: "Content-Type", Value: "text/html; charset=UTF-8"},
	}}
	head.Headers = append(head.Headers, s.dialect.acceptance()...)
	if s.features != 0 {
		head.Headers = append(head.Headers, proto.Header{Name: proto.FeaturesHeader, Value: s.features.String()})
	}
	head.Headers = append(head.Headers, proto.Header{Name: "Date", Value: time.Now().UTC().Format(httpTime)})
	if raw {
		head.Headers = append(head.Headers, proto.Header{Name: "Connection", Value: "close"})
	} else {
		head.Headers = append(head.Headers, proto.Header{Name: "Transfer-Encoding", Value: "chunked"})
	}
	first := proto.AppendResponseHead(nil, head)
	if raw {
		first = append(first, blankLine...)
	} else {
		first = engine.AppendChunk(first, blankLine, sums)
	}
	s.conn.SetWriteDeadline(time.Now().Add(s.cfg.ClientTimeout))
	if _, err := s.conn.Write(first); err != nil {
		return waited("response head", s.cfg.ClientTimeout, err)
	}
	s.out, err = engine.NewOutbound(ctx, s.conn, engine.OutConfig{Pool: s.cfg.Answers, Raw: raw, Sums: sums, WriteTimeout: s.cfg.ClientTimeout})
	if err != nil {
		return err
	}
	s.in, err = engine.NewInbound(ctx, s.conn, engine.InConfig{Pool: s.cfg.Pool, Chunked: s.req.Chunked, Length: s.req.Length, Ahead: s.req.Ahead, Sums: sums, Engine: s.cfg.Engine, Pacer: s.pace()})
	if err != nil {
		s.pacer.Close()
		s.out.Close()
		return err
	}
	s.in.SetTimeout(s.cfg.ClientTimeout)
	s.in.SetPace(paceBytes, paceWaits*s.cfg.ClientTimeout)
	return nil
}

// httpTime is net/http's TimeFormat, the form of a Date header.
const httpTime = "Mon, 02 Jan 2006 15:04:05 GMT"

var blankLine = []byte("\r\n")

// converse holds the dialogue while device, locks and slot are ours. end ends its
// ctx.
func (s *reception) converse(ctx context.Context, end context.CancelCauseFunc) error {
	device, err := s.cfg.Store.Device(s.req.Device)
	if err != nil {
		return err
	}
	defer device.Close()
	defer s.cfg.Watch.Hold(device, func(gone error) {
		end(gone)
		time.AfterFunc(goneAfter, s.out.Interrupt)
	})()
	s.device, s.partition = device, device.Partition(s.req.Policy, s.req.Partition)
	release, err := s.admit(ctx, device)
	if err != nil {
		return err
	}
	defer release()
	if err := s.missingCheck(ctx); err != nil {
		return err
	}
	if err := s.updates(ctx); err != nil {
		return err
	}
	if err := s.out.End(); err != nil {
		return err
	}
	// The sender's last chunk comes once he has read the answer; who hangs up
	// instead has lost nothing.
	s.in.SetTimeout(lingerFor)
	s.in.Drain(1 << 10)
	return nil
}

// admit takes the partition, a slot of the device and one of the node, in an
// order in which nobody holds a slot of the node while he waits for a lock.
// Source: ssync_receiver.py, Receiver.__call__, and diskfile.py,
// replication_lock; the order of the two is ours.
func (s *reception) admit(ctx context.Context, device *store.Device) (func(), error) {
	until := time.Now().Add(s.cfg.LockTimeout)
	partition, err := s.partition.LockReplication(ctx, s.cfg.LockTimeout)
	if err != nil {
		return nil, err
	}
	slot, err := device.LockSlot(ctx, s.cfg.PerDevice, time.Until(until))
	if err != nil {
		partition.Release()
		return nil, err
	}
	unlock := func() {
		slot.Release()
		partition.Release()
	}
	if s.slots == nil {
		return unlock, nil
	}
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots; unlock() }, nil
	default:
		unlock()
		return nil, fmt.Errorf("%w: %d sessions are open, as many as replication_concurrency allows", ErrBusy, cap(s.slots))
	}
}

// line reads the next line of the dialogue; io.EOF where the sender ended it.
func (s *reception) line(wait string) ([]byte, error) {
	line, err := s.in.Line()
	if err == nil || err == io.EOF {
		return line, err
	}
	return nil, waited(wait, s.cfg.ClientTimeout, err)
}

// expect reads a marker line. The end of the stream is a sender who has changed
// his mind: after a check that is how a check-only session ends.
func (s *reception) expect(marker, wait string) error {
	line, err := s.line(wait)
	if err == io.EOF {
		return fmt.Errorf("%s: %w", wait, ErrEarlyDisconnect)
	}
	if err != nil {
		return err
	}
	if !proto.IsMarker(line, marker) {
		return &UnexpectedError{Want: marker, Got: string(line)}
	}
	return nil
}

// keepAlive waits for done. While something moves on, it lets the sender know
// by a blank line; when nothing does, he shall find out by his own timeout.
func (s *reception) keepAlive(done <-chan struct{}) error {
	tick := time.NewTicker(s.cfg.KeepAlive)
	defer tick.Stop()
	last := s.progress.Load()
	for {
		select {
		case <-done:
			return nil
		case <-tick.C:
			now := s.progress.Load()
			if now == last {
				continue
			}
			last = now
			if err := s.send(blankLine); err != nil {
				return err
			}
		}
	}
}

func (s *reception) send(text []byte) error {
	if err := s.out.Text(text); err != nil {
		return err
	}
	return s.out.Flush()
}

// tell ends a session that failed: the error line, as far as there is one for
// it, then silence. Source: ssync_receiver.py, Receiver.__call__.
func (s *reception) tell(err error) {
	code, text, worth := errorLine(err)
	if !worth {
		return
	}
	if s.out.Append(func(dst []byte) []byte { return proto.AppendError(dst, code, text) }, 4<<10) != nil || s.out.Flush() != nil {
		return
	}
	if half, ok := s.conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	s.linger()
}

// linger drops input until the sender hangs up, for a second at the most.
func (s *reception) linger() {
	s.conn.SetReadDeadline(time.Now().Add(lingerFor))
	scratch := make([]byte, 32<<10)
	for {
		if _, err := s.conn.Read(scratch); err != nil {
			return
		}
	}
}

// errorLine is what the sender is told of an error; nothing where he is gone, or
// is the one who knows.
func errorLine(err error) (code int, text string, worth bool) {
	var op *engine.OpError
	var timeout *TimeoutError
	var failed *failedUpdates
	var refusal *Refusal
	switch {
	case errors.Is(err, ErrEarlyDisconnect):
		return 0, "", false
	case errors.As(err, &timeout):
		return 408, timeout.Error(), true
	case errors.Is(err, ErrBusy) || errors.Is(err, ErrStopping):
		return 503, err.Error(), true
	case errors.Is(err, store.ErrUnmounted) || errors.Is(err, store.ErrSuspect):
		return 507, err.Error(), true
	case errors.As(err, &op):
		return 0, "", false
	case errors.As(err, &refusal):
		return refusal.Code, refusal.Text, true
	case errors.As(err, &failed):
		return failed.code, failed.Error(), true
	}
	return 0, err.Error(), true
}
