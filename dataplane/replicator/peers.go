package replicator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/hashes/ring"
	"golang.org/x/sys/unix"
)

// peers remembers who was of no use a moment ago, and lets only so many sessions
// have to do with one remote device.
//
// A hold begins short and doubles with each failure that follows another; a
// success ends it. So the first job that meets a dead node waits for it, and all
// others go on.
type peers struct {
	cfg    Config
	bounds *bounds
	mu     sync.Mutex
	holds  map[string]*hold // by address, or by address/device
	doors  map[string]*door // by address/device
}

// door has places for PerPeer sessions with a remote device.
type door struct {
	inside int
	left   chan struct{} // closed when somebody leaves, and then another one
}

type hold struct {
	until  time.Time
	reason string
	length time.Duration
}

func newPeers(cfg Config, b *bounds) *peers {
	return &peers{cfg: cfg, bounds: b, holds: map[string]*hold{}, doors: map[string]*door{}}
}

// scope is what a failure says something about.
type scope int

const (
	aboutNothing   scope = iota // of the peer's
	aboutPartition              // this one alone: its lock was taken
	aboutDevice
	aboutNode
)

// verdict is what a failure of a peer means for the next job that would ask him.
type verdict struct {
	scope       scope
	reason      string
	first, most time.Duration // how long to leave him alone
	busy        bool          // he will be free soon: worth another try in this pass
}

// classify reads a failure. Errors of our own disk say nothing about a peer, nor does
// that we were told to stop.
func classify(err error) verdict {
	if errors.Is(err, context.Canceled) {
		return verdict{}
	}
	status := statusOf(err)
	var said *ssync.RemoteError
	var timeout *ssync.TimeoutError
	var network *net.OpError
	busy := verdict{aboutDevice, string(ssync.ReasonBusy), time.Second, 30 * time.Second, true}
	locked := busy
	locked.reason = string(ssync.ReasonLockTimeout)
	switch {
	case status == 507:
		return verdict{aboutDevice, string(ssync.ReasonUnmounted), 30 * time.Second, 5 * time.Minute, false}
	case status == 503 || status == 529 || status == 429:
		return busy
	case errors.As(err, &said) && (said.Code == 503 || said.Code == 507):
		return busy
	case errors.As(err, &said) && lockOf(said.Message) == ".lock-replication":
		locked.scope = aboutPartition
		return locked
	case errors.As(err, &said) && lockOf(said.Message) != "":
		return locked
	case errors.As(err, &timeout) && timeout.Wait != "connect send":
		return verdict{aboutDevice, string(ssync.ReasonTimeout), 10 * time.Second, 5 * time.Minute, false}
	case unreachable(err, network, timeout):
		return verdict{aboutNode, "unreachable", 10 * time.Second, 5 * time.Minute, false}
	}
	return verdict{}
}

// unreachable tells a node that nobody answers for.
func unreachable(err error, network *net.OpError, timeout *ssync.TimeoutError) bool {
	if errors.As(err, &network) && network.Op == "dial" || errors.As(err, &timeout) && timeout.Wait == "connect send" {
		return true
	}
	return errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.ENETUNREACH)
}

func statusOf(err error) int {
	var session *ssync.StatusError
	var digests *statusError
	switch {
	case errors.As(err, &session):
		return session.Status
	case errors.As(err, &digests):
		return digests.Status
	}
	return 0
}

// lockOf finds the lock in what a receiver says when he could not have it: "15
// seconds: /srv/node/d1/.lock", a Swift's or ours. Another text names none.
func lockOf(message string) string {
	before, path, found := strings.Cut(message, " seconds: /")
	if !found { // after just one, as eventlet's Timeout has it
		before, path, found = strings.Cut(message, " second: /")
	}
	if !found || len(before) > 32 {
		return ""
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	if name == ".lock-replication" || name == ".lock" || strings.HasPrefix(name, ".lock-") {
		return name
	}
	return ""
}

// heldError is why a peer was not asked: what he answered, or did not, before.
type heldError struct {
	Peer   string
	Reason string
	For    time.Duration
	busy   bool
}

func (e *heldError) Error() string {
	return fmt.Sprintf("%s was %s a moment ago, and is not asked again for %v", e.Peer, e.Reason, e.For.Round(100*time.Millisecond))
}

// peerName is a remote device as log lines have it.
func peerName(d *ring.Device) string { return d.ReplicationAddress() + "/" + d.Name }

// enter waits until one of the places at a peer is free, and fails at once with
// *heldError where he is on hold. What leave is told decides how he is treated
// from then on.
func (p *peers) enter(ctx context.Context, d *ring.Device) (leave func(error), err error) {
	if err := p.held(d); err != nil {
		return nil, err
	}
	name := peerName(d)
	if err := p.goIn(ctx, name); err != nil {
		return nil, err
	}
	if err := p.held(d); err != nil { // who was inside before us may have found out
		p.goOut(name)
		return nil, err
	}
	return p.leaver(d), nil
}

// tryEnter is enter where that is possible without waiting. The place is given back
// by a leaver, or by goOut where nothing was learned.
func (p *peers) tryEnter(d *ring.Device) bool {
	now, _ := p.bounds.get()
	return p.held(d) == nil && p.tryIn(peerName(d), now.PerPeer) == nil
}

func (p *peers) leaver(d *ring.Device) func(error) {
	return func(err error) {
		p.goOut(peerName(d))
		p.learn(d, err)
	}
}

// goIn waits until a door has a place, by somebody who leaves or by other bounds.
func (p *peers) goIn(ctx context.Context, name string) error {
	for {
		now, changed := p.bounds.get()
		left := p.tryIn(name, now.PerPeer)
		if left == nil {
			return nil
		}
		select {
		case <-left:
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryIn takes a place, or tells when it is worth another try.
func (p *peers) tryIn(name string, places int) (left <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.doors[name]
	if d == nil {
		d = &door{left: make(chan struct{})}
		p.doors[name] = d
	}
	if d.inside >= places {
		return d.left
	}
	d.inside++
	return nil
}

func (p *peers) goOut(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.doors[name]
	d.inside--
	close(d.left)
	d.left = make(chan struct{})
}

func (p *peers) held(d *ring.Device) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range []string{d.ReplicationAddress(), peerName(d)} {
		h := p.holds[name]
		if h == nil {
			continue
		}
		if left := h.until.Sub(p.cfg.Now()); left > 0 {
			return &heldError{name, h.reason, left, h.reason == string(ssync.ReasonBusy) || h.reason == string(ssync.ReasonLockTimeout)}
		}
	}
	return nil
}

// learn takes a peer's holds away, or makes one longer.
func (p *peers) learn(d *ring.Device, err error) {
	v := classify(err)
	p.mu.Lock()
	defer p.mu.Unlock()
	switch v.scope {
	case aboutDevice:
		p.extend(peerName(d), v)
	case aboutNode:
		p.extend(d.ReplicationAddress(), v)
	case aboutNothing:
		if err == nil {
			delete(p.holds, peerName(d))
			delete(p.holds, d.ReplicationAddress())
		}
	}
}

func (p *peers) extend(name string, v verdict) {
	h := p.holds[name]
	if h == nil || h.reason != v.reason {
		h = &hold{reason: v.reason}
		p.holds[name] = h
	}
	h.length = min(max(v.first, 2*h.length), v.most)
	h.until = p.cfg.Now().Add(p.cfg.jitter(h.length))
}

// wait tells how long it is until the last of the busy peers may be asked again.
func (p *peers) wait() (longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.holds {
		if h.reason == string(ssync.ReasonBusy) || h.reason == string(ssync.ReasonLockTimeout) {
			longest = max(longest, h.until.Sub(p.cfg.Now()))
		}
	}
	return longest
}
