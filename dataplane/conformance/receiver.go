package conformance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// ReceiverConfig says which receiver is judged. Zero values mean the defaults.
type ReceiverConfig struct {
	Addr      string // HOST:PORT
	Device    string
	Partition uint32 // written to whatever the ring says; the one after it too
	Cluster   *hashes.Cluster

	// Devices is the directory of the receiver's devices, where the suite can see
	// it. Empty: scripts that need the disk are left out, and of the others only
	// what the wire tells is judged.
	Devices string

	Settings map[string]string // of the receiver, that scripts need to know
	Patience time.Duration     // how long an answer is waited for; 10 s
	Require  bool              // of 2013: a receiver who refuses REPLICATION fails
}

const defaultPatience = 10 * time.Second

// receiverSeat is opposite a receiver: it plays the sender.
type receiverSeat struct {
	cfg    ReceiverConfig
	script *Script
	policy hashes.Policy
	disk   *disk // nil where we can't see it
}

func (r *receiverSeat) judged() Seat { return Receiver }

func (r *receiverSeat) dial(ctx context.Context, patience time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return (&net.Dialer{}).DialContext(ctx, "tcp", r.cfg.Addr)
}

func (r *receiverSeat) open(ctx context.Context, p *player, s *Step, usual bool) (*session, error) {
	if before := p.sessions[s.Session]; before != nil {
		before.conn.Close()
	}
	conn, err := r.dial(ctx, p.patience)
	if err != nil {
		return nil, err
	}
	t := newSession(conn, p.script, p.patience)
	if !usual {
		return t, nil
	}
	partition := p.world.words["partition"]
	if s.Other {
		partition = p.world.words["other"]
	}
	head := request(p.script.Verb(), "/"+r.cfg.Device+"/"+partition, r.cfg.Addr, p.world.words["policy"])
	if err := t.openReceiver(head); err != nil {
		conn.Close()
		return nil, &Mismatch{s.At, "a session", err.Error()}
	}
	return t, nil
}

// given brings a fact about: over the wire, by a session of its own, or on the
// disk if that is the only way.
func (r *receiverSeat) given(ctx context.Context, p *player, f *Fact) error {
	if f.Kind.onlyOnDisk() || f.Kind == IsMeta && r.script.Is2013() { // there was no POST
		if r.disk == nil {
			return errors.New("no disk is known")
		}
		return r.disk.make(p.world, f)
	}
	if f.Kind == IsNothing {
		return nil // the account is new
	}
	offer, sub, err := r.subrequest(p.world, f)
	if err != nil {
		return err
	}
	w := wire{r: r, p: p}
	wanted, t, err := w.check(ctx, []proto.Offer{offer})
	if err != nil {
		return err
	}
	defer t.conn.Close()
	if len(wanted) != 1 {
		return fmt.Errorf("the receiver does not want it")
	}
	t.write(proto.AppendChunk(nil, []byte(proto.UpdatesStart+"\r\n")))
	t.write(proto.AppendChunk(nil, sub))
	t.write(proto.AppendChunk(nil, []byte(f.Body)))
	t.write(proto.AppendChunk(nil, []byte(proto.UpdatesEnd+"\r\n")))
	for _, marker := range []string{proto.UpdatesStart, proto.UpdatesEnd} {
		if text, ok := p.nextLine(t, false); !ok || text != marker {
			return fmt.Errorf("%q, or %s, for %s", text, t.in.said(), marker)
		}
	}
	t.last()
	return nil
}

// subrequest is what makes a fact so, and the offer that precedes it.
func (r *receiverSeat) subrequest(w *world, f *Fact) (o proto.Offer, head []byte, err error) {
	ts, err := w.timestamp(f.Time)
	if err != nil {
		return o, nil, err
	}
	o = proto.Offer{Hash: w.hash(f.Name), Data: ts, Meta: ts, CType: ts}
	md, err := f.metadata(w)
	if err != nil {
		return o, nil, err
	}
	method := map[FactKind]string{IsData: "PUT", IsMeta: "POST", IsTombstone: "DELETE"}[f.Kind]
	if f.Kind == IsMeta {
		// The .data is older, and has been given before; 1 s is older than any.
		o.Data = proto.Timestamp{Raw: 100_000}
		if text, ok := md.Get("Content-Type-Timestamp"); ok {
			if o.CType, err = proto.ParseTimestamp(text); err != nil {
				return o, nil, err
			}
		} else {
			o.CType = o.Data
		}
	}
	md.Del("name")
	return o, proto.AppendSubrequest(nil, method, w.name(f.Name), sortedHeaders(md)), nil
}

// then asks the receiver, and looks at the disk as well where it can.
func (r *receiverSeat) then(ctx context.Context, p *player, f *Fact) (want, got string, err error) {
	p.settle()
	if !f.Kind.onlyOnDisk() && f.Kind != IsMeta {
		w := wire{r: r, p: p}
		if want, got, err = w.ask(ctx, f); err != nil || want != got {
			return want, got, err
		}
	}
	if f.Kind == IsMeta {
		w := wire{r: r, p: p}
		if want, got, err = w.askMeta(ctx, f); err != nil || want != got {
			return want, got, err
		}
	}
	if r.disk == nil {
		return want, got, nil
	}
	return r.disk.compare(p.world, f)
}

// settle ends our connections, so that the receiver lets go of what it holds.
func (p *player) settle() {
	for _, t := range p.sessions {
		if t != nil {
			t.conn.Close()
		}
	}
}

func (r *receiverSeat) outcome(context.Context) (string, error) { panic("a receiver has no outcome") }

func (r *receiverSeat) noSession(context.Context) (string, bool) {
	panic("a receiver makes no session")
}

// Receive plays one script to a receiver.
func Receive(ctx context.Context, cfg ReceiverConfig, s *Script) Result {
	cfg.Patience = cmp.Or(cfg.Patience, defaultPatience)
	r := &receiverSeat{cfg: cfg, script: s}
	policy, reason := policyOf(cfg.Cluster, s)
	if reason == "" {
		reason = missing(s, cfg.Settings, cfg.Devices != "")
	}
	if reason == "" && s.Is2013() && !cfg.Require {
		reason = r.refuses(ctx)
	}
	if reason != "" {
		return leftOut(s, reason)
	}
	r.policy = policy
	if cfg.Devices != "" {
		r.disk = &disk{devices: cfg.Devices, device: cfg.Device, policy: policy, partition: cfg.Partition}
	}
	w := newWorld("a-" + strconv.FormatInt(time.Now().UnixNano(), 36))
	w.secret, w.devices = cfg.Cluster.Secret, cfg.Devices
	w.words = map[string]string{
		"device": cfg.Device, "host": cfg.Addr, "policy": strconv.Itoa(policy.Index),
		"partition": strconv.FormatUint(uint64(cfg.Partition), 10), "other": strconv.FormatUint(uint64(cfg.Partition)+1, 10),
	}
	p := &player{script: s, world: w, patience: cfg.Patience + waits(s, cfg.Settings), seat: r}
	return p.judge(ctx)
}

// refuses says why a receiver can't be asked about the verb of 2013.
func (r *receiverSeat) refuses(ctx context.Context) string {
	conn, err := r.dial(ctx, r.cfg.Patience)
	if err != nil {
		return ""
	}
	defer conn.Close()
	t := newSession(conn, r.script, r.cfg.Patience)
	head := request("REPLICATION", "/"+r.cfg.Device+"/"+strconv.FormatUint(uint64(r.cfg.Partition), 10), r.cfg.Addr, "")
	t.write(proto.AppendRequestHead(nil, head))
	first, _, err := t.hear(Receiver)
	if err != nil || strings.Contains(first, " 200 ") {
		return ""
	}
	return "REPLICATION is answered by " + first
}
