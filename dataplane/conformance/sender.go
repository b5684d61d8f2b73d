package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// SenderConfig says which sender is judged. Zero values mean the defaults.
type SenderConfig struct {
	// Run makes a session of one partition, and returns nil if the sender says
	// that it went well.
	Run     func(ctx context.Context, t Target) error
	Cluster *hashes.Cluster
	Dir     string // where disks are made; it must take user xattrs. The system's temporary directory

	Settings map[string]string // of the sender, that scripts need to know
	Patience time.Duration     // how long an answer is waited for; 10 s
	Verbs    []string          // that Run can speak; SSYNC
}

// Target is what a sender is asked to do: push what Devices/Device has of the
// partition to Host:Port, whose device and partition have the same names.
type Target struct {
	Host, Port string
	Devices    string // directory of the sender's devices
	Device     string
	Partition  uint32
	Policy     int
	Verb       string // SSYNC or REPLICATION
}

const (
	senderDevice    = "d1"
	senderPartition = 7
)

// senderSeat is opposite a sender: it plays the receiver, on a disk that it has
// filled itself.
type senderSeat struct {
	cfg    SenderConfig
	script *Script
	target Target
	disk   *disk
	calls  net.Listener

	accepted chan net.Conn
	waiting  net.Conn // accepted, and not taken yet
	cancel   context.CancelFunc
	ended    chan struct{} // closed when Run has returned; nil before it was called
	err      error         // of Run
}

func (r *senderSeat) judged() Seat { return Sender }

// Send lets a sender play one script.
func Send(ctx context.Context, cfg SenderConfig, s *Script) Result {
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	policy, reason := policyOf(cfg.Cluster, s)
	if reason == "" {
		reason = missing(s, cfg.Settings, true)
	}
	if reason == "" && s.Is2013() && !strings.Contains(strings.Join(cfg.Verbs, " "), s.Verb()) {
		reason = "a sender that is not known to speak " + s.Verb()
	}
	if reason != "" {
		return leftOut(s, reason)
	}
	r := &senderSeat{cfg: cfg, script: s, accepted: make(chan net.Conn)}
	stop, err := r.prepare(policy)
	if err != nil {
		return Result{Script: s.Name, Title: s.Title, Status: Fail, Reason: err.Error()}
	}
	defer stop()
	w := newWorld("a")
	w.secret, w.devices = cfg.Cluster.Secret, r.target.Devices
	w.words = map[string]string{
		"device": senderDevice, "partition": strconv.Itoa(senderPartition),
		"policy": strconv.Itoa(policy.Index), "host": r.calls.Addr().String(),
	}
	p := &player{script: s, world: w, patience: cfg.Patience + waits(s, cfg.Settings), seat: r}
	result := p.judge(ctx)
	if err := r.complaint(); result.Status == Fail && err != nil {
		result.Heard = append(result.Heard, "sender: "+w.plain(printable(err.Error(), 300)))
	}
	return result
}

// complaint is what a sender said who has ended by himself.
func (r *senderSeat) complaint() error {
	select {
	case <-r.ended:
		return r.err
	default:
		return nil
	}
}

// prepare makes the disk and the port, and returns what takes both away.
func (r *senderSeat) prepare(policy hashes.Policy) (stop func(), err error) {
	devices, err := os.MkdirTemp(r.cfg.Dir, "ringsync-conformance-")
	if err != nil {
		return nil, err
	}
	r.disk = &disk{devices: devices, device: senderDevice, policy: policy, partition: senderPartition}
	datadir := filepath.Join(r.disk.root(), policy.DataDir(), strconv.Itoa(senderPartition))
	if err := os.MkdirAll(datadir, 0o755); err != nil {
		return nil, errors.Join(err, os.RemoveAll(devices))
	}
	if r.calls, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, os.RemoveAll(devices))
	}
	host, port, _ := net.SplitHostPort(r.calls.Addr().String())
	r.target = Target{Host: host, Port: port, Devices: devices, Device: senderDevice, Partition: senderPartition, Policy: policy.Index, Verb: r.script.Verb()}
	done := make(chan struct{})
	go r.accept(done)
	return func() {
		if r.cancel != nil {
			r.cancel()
		}
		r.calls.Close()
		for more := true; more; {
			var conn net.Conn
			if conn, more = <-r.accepted; more {
				conn.Close()
			}
		}
		<-done
		if r.waiting != nil {
			r.waiting.Close()
		}
		if r.ended != nil {
			<-r.ended
		}
		os.RemoveAll(devices)
	}, nil
}

func (r *senderSeat) accept(done chan<- struct{}) {
	defer close(done)
	defer close(r.accepted)
	for {
		conn, err := r.calls.Accept()
		if err != nil {
			return
		}
		r.accepted <- conn
	}
}

// start lets the sender run, unless it does already.
func (r *senderSeat) start(ctx context.Context) {
	if r.ended != nil {
		return
	}
	ctx, r.cancel = context.WithCancel(ctx)
	r.ended = make(chan struct{})
	go func() {
		defer close(r.ended)
		r.err = r.cfg.Run(ctx, r.target)
	}()
}

// call waits until the sender calls, or ends without doing so.
func (r *senderSeat) call(ctx context.Context, patience time.Duration) (got string, ok bool) {
	r.start(ctx)
	if r.waiting != nil {
		return "a session", true
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r.waiting = <-r.accepted:
		return "a session", true
	case <-r.ended:
		select {
		case r.waiting = <-r.accepted: // he called, and has gone already
			return "a session", true
		default:
		}
		if r.err != nil {
			return fmt.Sprintf("a sender that gave up: %.300s", r.err), false
		}
		return "a sender that was content", false
	case <-timer.C:
		return fmt.Sprintf("no call for %v", patience), false
	case <-ctx.Done():
		return "the end of our time", false
	}
}

func (r *senderSeat) open(ctx context.Context, p *player, s *Step, usual bool) (*session, error) {
	if got, ok := r.call(ctx, p.patience); !ok {
		return nil, &Mismatch{s.At, "a session", p.world.plain(got)}
	}
	if before := p.sessions[s.Session]; before != nil {
		before.conn.Close()
	}
	t := newSession(r.waiting, p.script, p.patience)
	r.waiting = nil
	if !usual {
		return t, nil
	}
	first, get, err := t.hear(Sender)
	want := fmt.Sprintf("%s /%s/%d HTTP/1.1", p.script.Verb(), senderDevice, senderPartition)
	switch {
	case err != nil:
		err = &Mismatch{s.At, want, err.Error()}
	case first != want:
		err = &Mismatch{s.At, want, quote(first)}
	case !t.in.chunked:
		err = &Mismatch{s.At, "Transfer-Encoding: chunked", valueOf("Transfer-Encoding", get)}
	}
	if err != nil {
		t.conn.Close()
		return nil, err
	}
	t.chunked = true
	t.write(proto.AppendChunk(proto.AppendResponseHead(nil, accepted), []byte("\r\n")))
	return t, nil
}

func (r *senderSeat) given(_ context.Context, p *player, f *Fact) error {
	return r.disk.make(p.world, f)
}

func (r *senderSeat) then(_ context.Context, p *player, f *Fact) (want, got string, err error) {
	return r.disk.compare(p.world, f)
}

// outcome waits for the sender's end. Who calls once more is refused: a script
// that cares about another session says so before.
func (r *senderSeat) outcome(ctx context.Context) (string, error) {
	r.start(ctx)
	timer := time.NewTimer(r.cfg.Patience + waits(r.script, r.cfg.Settings))
	defer timer.Stop()
	for {
		if r.waiting != nil {
			refuse(r.waiting)
			r.waiting = nil
		}
		select {
		case r.waiting = <-r.accepted:
		case <-r.ended:
			if r.err != nil {
				return fails, nil
			}
			return succeeds, nil
		case <-timer.C:
			return "does not end", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

func refuse(conn net.Conn) {
	head := proto.ResponseHead{Status: 503, Reason: "Service Unavailable", Minor: 1, Headers: []proto.Header{{Name: "Content-Length", Value: "0"}}}
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	conn.Write(proto.AppendResponseHead(nil, head))
	conn.Close()
}

func (r *senderSeat) noSession(ctx context.Context) (string, bool) {
	got, called := r.call(ctx, r.cfg.Patience)
	select {
	case <-r.ended:
		return got, !called
	default:
		return got, false
	}
}
