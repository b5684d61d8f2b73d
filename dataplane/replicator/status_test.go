package replicator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/limit"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// A rate is what was moved in the window, neither before it nor guessed from less
// than a second; what ended counts on, and the sum never gets smaller.
func TestMeter(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var m meter
	if r := m.rate(now); r != (Rate{}) {
		t.Errorf("of nothing: %+v", r)
	}
	p := new(ssync.Progress)
	p.Bytes.Add(1000) // by a session before
	m.begin(p)
	m.sample(now)
	p.Bytes.Add(500)
	p.Sent.Add(5)
	if r := m.rate(now.Add(time.Second / 2)); r != (Rate{}) {
		t.Errorf("of half a second: %+v", r)
	}
	if r := m.rate(now.Add(2 * time.Second)); r != (Rate{2.5, 250, 2}) {
		t.Errorf("of two seconds: %+v", r)
	}
	m.end(p)
	m.end(p)
	p.Bytes.Add(1 << 20) // is not ours any more
	if got := m.total(); got != (moved{5, 500}) {
		t.Errorf("%+v", got)
	}
	for i := range 40 {
		now = now.Add(time.Second)
		if i >= 30 {
			m.add(moved{1, 100})
		}
		m.sample(now)
	}
	if r := m.rate(now); r.Over < 10 || r.Over > 11 || r.Bytes < 90 || r.Bytes > 100 {
		t.Errorf("of the last ten seconds: %+v", r)
	}
	if r := m.rate(now.Add(time.Minute)); r != (Rate{}) {
		t.Errorf("a minute later: %+v", r)
	}
}

func (s *Status) device(t *testing.T, name string) DeviceStatus {
	t.Helper()
	for _, d := range s.Devices {
		if d.Device == name {
			return d
		}
	}
	t.Fatalf("no device %s in %+v", name, s.Devices)
	return DeviceStatus{}
}

func hasWait(waits []Wait, reason string) *Wait {
	for i := range waits {
		if waits[i].Reason == reason {
			return &waits[i]
		}
	}
	return nil
}

// In the middle of a pass the status tells what is in hand, done and left, and what
// the rest waits for; it is JSON of a bounded size.
func TestStatusInHand(t *testing.T) {
	c := newCluster(t, 2)
	c.place([]int{0, 0, 1}, []int{1, 1, 1})
	for n := range uint32(3) {
		c.putIn(0, n, fmt.Sprint("/a/c/o", n))
	}
	r := c.replicator(0)
	if s := r.Status(); s.Pass.Phase != PassNone || s.Pass.Number != 0 {
		t.Errorf("before: %+v", s.Pass)
	}
	seen := 0
	r.meanwhile = func(j *job) {
		seen++
		s := r.Status()
		d := s.device(t, "d1")
		if len(s.Jobs) != 1 || s.Jobs[0].Kind != "revert" || s.Jobs[0].Phase != PhaseRemoving || s.Jobs[0].Partition != j.partition || s.Jobs[0].Objects != 1 || s.Jobs[0].Bytes != 7 {
			t.Errorf("in hand: %+v", s.Jobs)
		}
		if d.Partitions != 3 || d.InHand != 1 || d.Left != 3-d.Done || d.Objects != int64(d.Done+1) {
			t.Errorf("%+v", d)
		}
		if w := hasWait(d.Waits, WaitDeviceLimit); d.Left > 1 && (w == nil && hasWait(d.Waits, WaitConcurrency) == nil) {
			t.Errorf("the others wait for nothing: %+v", d.Waits)
		}
	}
	if _, err := r.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := r.Status()
	if seen != 1 || s.Pass.Number != 1 || s.Pass.Done != 3 || s.Pass.Left != 0 || s.Pass.Failed != 0 || s.Pass.Objects != 3 || s.Pass.Bytes != 21 || len(s.Jobs) != 0 {
		t.Errorf("seen %d, after: %+v", seen, s.Pass)
	}
	if len(s.Peers) != 1 || s.Peers[0].Partitions != 3 || s.Peers[0].Done != 3 || s.Peers[0].Objects != 3 || s.Peers[0].Sessions != 0 {
		t.Errorf("%+v", s.Peers)
	}
	if _, err := r.Once(context.Background()); err != nil {
		t.Fatal(err)
	}
	s = r.Status()
	if d := s.device(t, "d1"); s.Pass.Number != 2 || s.Pass.Objects != 0 || d.Objects != 0 || s.Peers[0].Objects != 0 {
		t.Errorf("the next one: %+v", s)
	}
	text, err := json.Marshal(s)
	if err != nil || len(text) > 8<<10 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// What waits in the queue is told by what keeps it: the device's share, or the places.
func TestStatusQueue(t *testing.T) {
	for _, test := range []struct {
		places, perDevice int
		want              string
	}{{2, 1, WaitDeviceLimit}, {1, 2, WaitConcurrency}} {
		b := newBoard(Config{Now: time.Now, StuckAfter: 3})
		jobs := []*job{{device: "d1", partition: 1, progress: new(ssync.Progress)}, {device: "d1", partition: 2, progress: new(ssync.Progress)}}
		b.begins()
		b.plans(jobs)
		q := newQueue(jobs, test.places, test.perDevice)
		q.begin(q.next(), time.Now())
		if q.next() != nil {
			t.Fatal("there was room")
		}
		b.queued(q)
		s := b.status(nil)
		if w := hasWait(s.device(t, "d1").Waits, test.want); w == nil || w.Partitions != 1 || s.Pass.Working != 1 || s.Pass.Places != test.places {
			t.Errorf("%s: %+v", test.want, s)
		}
	}
}

// Each reason for which something waits or fails is told where it belongs.
func TestStatusReasons(t *testing.T) {
	t.Run("unmounted there", func(t *testing.T) {
		c := newCluster(t, 2)
		c.place(only(0, 1)...)
		c.put("/a/c/o", 1, "body", 0)
		away := filepath.Join(c.nodes[1].devices, "d1")
		if err := os.Rename(away, away+"-away"); err != nil {
			t.Fatal(err)
		}
		s := statusAfter(c, func(cfg *Config) { cfg.jitter = same })
		p := s.Peers[0]
		if w := hasWait(p.Waits, "unmounted"); w == nil || !w.Until.After(s.At) || p.Last == nil || p.Last.Reason != "unmounted" || p.Failed != 1 || s.device(t, "d1").Failed != 1 {
			t.Errorf("%+v", s)
		}
	})
	t.Run("unreachable", func(t *testing.T) {
		c := newCluster(t, 2)
		c.place(only(0, 1)...)
		c.put("/a/c/o", 1, "body", 0)
		c.nodes[1].server.Stop()
		s := statusAfter(c, func(cfg *Config) { cfg.jitter = same })
		if w := hasWait(s.Peers[0].Waits, "unreachable"); w == nil || !strings.Contains(w.Text, "refused") {
			t.Errorf("%+v", s.Peers)
		}
	})
	t.Run("busy there", func(t *testing.T) {
		c := newCluster(t, 2)
		c.place(only(0, 1)...)
		c.put("/a/c/o", 1, "body", 0)
		device := storetest.Device(t, c.nodes[1].store)
		slot, err := device.LockSlot(t.Context(), 1, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		var during Status
		var r *Replicator
		r = c.replicator(0, func(cfg *Config) {
			cfg.jitter = same
			cfg.Again = func(context.Context, time.Duration) bool { during = r.Status(); slot.Release(); return false }
		})
		if _, err := r.Once(context.Background()); err != nil {
			t.Fatal(err)
		}
		w := hasWait(during.device(t, "d1").Waits, "lock_timeout")
		if w == nil || w.Partitions != 1 || !w.Until.After(during.At) || during.Pass.Phase != PassAsking || during.Pass.Done != 0 || hasWait(during.Peers[0].Waits, "lock_timeout") == nil {
			t.Errorf("%+v", during)
		}
	})
	t.Run("a handoff locked here", func(t *testing.T) {
		c := newCluster(t, 2)
		c.place(only(1)...)
		c.put("/a/c/o", 1, "body", 0)
		lock, err := c.partition(0, 0).LockRevert(t.Context(), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer lock.Release()
		var seen []string
		var r *Replicator
		r = c.replicator(0, func(cfg *Config) {
			cfg.Again = func(context.Context, time.Duration) bool {
				for _, w := range r.Status().Devices[0].Waits {
					seen = append(seen, w.Reason)
				}
				return false
			}
		})
		if _, err := r.Once(context.Background()); err != nil || fmt.Sprint(seen) != "[lock_timeout]" {
			t.Errorf("%v, %v", err, seen)
		}
	})
	t.Run("a policy without a ring", func(t *testing.T) {
		c := newCluster(t, 1)
		c.place(only(0)...)
		s := statusAfter(c)
		if w := hasWait(s.Waits, WaitRing); w == nil || *w.Policy != 2 || !strings.Contains(w.Text, "no such ring") {
			t.Errorf("%+v", s.Waits)
		}
	})
	t.Run("a device that is left out", func(t *testing.T) {
		c := newCluster(t, 1)
		c.place(only(0)...)
		away := filepath.Join(c.nodes[0].devices, "d1")
		if err := os.Rename(away, away+"-away"); err != nil {
			t.Fatal(err)
		}
		s := statusAfter(c)
		if w := hasWait(s.device(t, "d1").Waits, "unmounted"); w == nil || w.Text == "" {
			t.Errorf("%+v", s)
		}
	})
	t.Run("between two passes", func(t *testing.T) {
		c := newCluster(t, 1)
		c.place(only(0)...)
		var s Status
		var r *Replicator
		r = c.replicator(0, func(cfg *Config) {
			cfg.Idle = func(context.Context, time.Duration) bool { s = r.Status(); return false }
		})
		r.Run(t.Context())
		if s.Pass.Phase != PassIdle || s.Pass.Until.Sub(s.Pass.Since) != defaultInterval {
			t.Errorf("%+v", s.Pass)
		}
	})
}

func same(d time.Duration) time.Duration { return d }

// statusAfter is node 0's after a pass.
func statusAfter(c *cluster, edit ...func(*Config)) Status {
	c.t.Helper()
	r := c.replicator(0, edit...)
	if _, err := r.Once(context.Background()); err != nil {
		c.t.Fatal(err)
	}
	return r.Status()
}

// A job that waits for a peer's place, or for a limit of bytes, says so; and so do its
// device and the peer.
func TestStatusPlaces(t *testing.T) {
	c := newCluster(t, 2)
	c.place(only(0, 1)...)
	c.put("/a/c/o", 1, "body", 0)
	to := c.rings.ring.Load().Devices()[1]
	r := c.replicator(0)
	leave, err := r.peers.enter(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { _, err := r.Once(context.Background()); ended <- err }()
	for hasWait(r.Status().peer(0).Waits, WaitPeerLimit) == nil { // it comes, or the test's time is over
		pause(t.Context(), time.Millisecond)
	}
	s := r.Status()
	if w := hasWait(s.device(t, "d1").Waits, WaitPeerLimit); w == nil || w.Peer != peerName(to) || s.Jobs[0].Wait != WaitPeerLimit || s.Jobs[0].Phase != PhaseWaiting {
		t.Errorf("%+v", s)
	}
	leave(nil)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}

}

// A session that waits since as many bytes are sent as may be says so, at its device
// and at its peer.
func TestStatusOfRate(t *testing.T) {
	c := newCluster(t, 2)
	c.place(only(0, 1)...)
	c.put("/a/c/o", 1, strings.Repeat("body", 1<<20), 0)
	limits := limit.New(limit.Config{})
	if err := limits.Change(limit.Limits{Node: limit.Rates{Out: 1000}}); err != nil {
		t.Fatal(err)
	}
	r := c.replicator(0, func(cfg *Config) { cfg.Sender.Limits = limits })
	ended := make(chan error)
	go func() { _, err := r.Once(context.Background()); ended <- err }()
	for hasWait(r.Status().peer(0).Waits, WaitRate) == nil { // it comes, or the test's time is over
		pause(t.Context(), time.Millisecond)
	}
	s := r.Status()
	if w := hasWait(s.device(t, "d1").Waits, WaitRate); w == nil || w.Peer != s.Peers[0].Peer || s.Pass.Sessions != 1 || s.Jobs[0].Phase != PhaseSending {
		t.Errorf("%+v", s)
	}
	if err := limits.Change(limit.Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if s := r.Status(); hasWait(s.peer(0).Waits, WaitRate) != nil {
		t.Errorf("%+v", s)
	}
}

func (s Status) peer(i int) (p PeerStatus) {
	if i < len(s.Peers) {
		p = s.Peers[i]
	}
	return p
}

// A partition that fails in three passes in a row is stuck, told once, with what it
// takes; when it gets on it is so no more.
func TestStuck(t *testing.T) {
	c := newCluster(t, 2)
	c.place(only(0, 1)...)
	c.put("/a/c/o", 1, "body", 0)
	c.nodes[1].server.Stop()
	r := c.replicator(0)
	pass := func() Status {
		t.Helper()
		if _, err := r.Once(context.Background()); err != nil {
			t.Fatal(err)
		}
		return r.Status()
	}
	partitions := func(s Status) (list []Stuck) {
		for _, x := range s.Stuck {
			if x.Partition != nil {
				list = append(list, x)
			}
		}
		return list
	}
	for range 2 {
		if s := pass(); len(partitions(s)) != 0 {
			t.Errorf("too early: %+v", s.Stuck)
		}
	}
	for passes := 3; passes < 5; passes++ {
		list := partitions(pass())
		if len(list) != 1 || list[0].Passes != passes || list[0].Reason != "unreachable" || *list[0].Partition != 0 || !strings.HasSuffix(list[0].Peer, "/d1") ||
			list[0].Command != fmt.Sprintf("curl --max-time 10 http://127.0.0.1:%d/healthcheck", c.nodes[1].port) || list[0].Since.IsZero() || !list[0].At.After(list[0].Since) {
			t.Fatalf("%+v", list)
		}
	}
	if n := strings.Count(c.nodes[0].log.String(), "partition does not advance"); n != 1 {
		t.Errorf("told %d times", n)
	}
	c.restart(1)
	r.cfg.Only.Partitions = []uint32{0} // so that nothing is forgotten for not being there
	if list := partitions(pass()); len(list) != 0 {
		t.Errorf("it got on: %+v", list)
	}
	if n := len(partitions(pass())); n != 0 {
		t.Errorf("and is back: %d", n)
	}
}

// A device and a policy that are left out of pass after pass are told as a whole.
func TestStuckWhole(t *testing.T) {
	c := newCluster(t, 1)
	c.place(only(0)...)
	away := filepath.Join(c.nodes[0].devices, "d1")
	if err := os.Rename(away, away+"-away"); err != nil {
		t.Fatal(err)
	}
	r := c.replicator(0)
	for range 3 {
		if _, err := r.Once(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	s := r.Status()
	if len(s.Stuck) != 2 || s.Stuck[0].Device+s.Stuck[1].Device != "d1" {
		t.Fatalf("%+v", s.Stuck)
	}
	for _, x := range s.Stuck {
		want := map[string]string{"d1": "findmnt " + away, "": "ringsync ring --policy 2"}[x.Device]
		if x.Partition != nil || x.Command != want {
			t.Errorf("%+v, want %s", x, want)
		}
	}
}

// As many as there is room for are remembered, the ones that fail for longer before
// all others; the rest is counted.
func TestStuckCeiling(t *testing.T) {
	l := newStuckList(2)
	l.most = 3
	fail := func(n int64) { l.fails(stuckKey{"d1", 0, n}, Stuck{Trouble: Trouble{Reason: "busy"}}) }
	for range 2 {
		l.begins()
		for n := range int64(5) {
			fail(n)
		}
	}
	if list, all, unseen := l.list(); len(list) != 3 || all != 3 || unseen != 2 {
		t.Errorf("%d of %d, %d unseen", len(list), all, unseen)
	}
	l.begins()
	l.advances(stuckKey{"d1", 0, 1})
	for _, n := range []int64{0, 2, 3} {
		fail(n)
	}
	if list, all, unseen := l.list(); len(list) != 2 || all != 2 || unseen != 0 || list[0].Passes != 3 {
		t.Errorf("%+v", list)
	}
	l.begins()
	fail(0)
	l.sweep([]string{"d2"})
	if len(l.entries) != 3 {
		t.Errorf("%d left, of a device that was not gone over", len(l.entries))
	}
	l.sweep([]string{"d1"})
	if len(l.entries) != 1 {
		t.Errorf("%d left", len(l.entries))
	}
}

// What is advised fits the reason, and a shell takes it as it is meant.
func TestAdvice(t *testing.T) {
	c := newCluster(t, 1)
	c.place(only(0)...)
	r := c.replicator(0)
	policy, partition := 0, uint32(5)
	devices := c.nodes[0].devices
	hash := strings.Repeat("a", 29) + "bcd"
	for _, test := range []struct{ reason, peer, text, want string }{
		{"unmounted", "10.0.0.2:6200/sdb", "", "curl --max-time 10 http://10.0.0.2:6200/recon/unmounted"},
		{"unreachable", "[::1]:6200/sdb", "", "curl --max-time 10 'http://[::1]:6200/healthcheck'"},
		{"unreachable", "$(reboot):6200/sdb", "", "curl --max-time 10 'http://$(reboot):6200/healthcheck'"},
		{"timeout", "a:1/b", "", "curl --max-time 10 http://a:1/recon/diskusage"},
		{"busy", "a:1/b", "", "curl --max-time 10 http://a:1/recon/replication/object"},
		{"lock_timeout", "a:1/b", "", "lslocks -o PID,COMMAND,PATH"},
		{"protocol", "a:1/b", "", "ringsync push --to a:1 --devices " + devices + " --device d1 --remote-device b --policy 0 --partition 5"},
		{"stale", "", "", "ringsyncd --accept-stale-device d1"},
		{"suspect", "", "", "ringsync doctor --clear d1"},
		{"unmounted", "", "", "findmnt " + devices + "/d1"},
		{"hangs", "", "", "dmesg --level=err,warn"},
		{"ring", "", "", "ringsync ring --policy 0"},
		{"lock_timeout", "", "", "lslocks -o PID,COMMAND,PATH"},
		{"no_space", "", "", "df -h " + devices + "/d1"},
		{"disk", "", "not offered: open " + devices + "/d1/objects/5/bcd/" + hash + "/1.data: input/output error", "ringsync inspect " + devices + "/d1/objects/5/bcd/" + hash},
		{"disk", "", "open " + devices + "/d1/objects/5/bcd: input/output error", "ringsync doctor --probe --devices " + devices},
	} {
		s := []Stuck{{Device: "d1", Policy: &policy, Partition: &partition, Trouble: Trouble{Reason: test.reason, Peer: test.peer, Text: test.text}}}
		if r.advise(s); s[0].Command != test.want || s[0].Hint == "" {
			t.Errorf("%s %s: %q, want %q", test.reason, test.peer, s[0].Command, test.want)
		}
	}
	if got := shell("a'b"); got != `'a'\''b'` {
		t.Error(got)
	}
	long := troubleOf(errors.New(strings.Repeat("x", 1000)), "", time.Time{})
	if len(long.Text) > maxTrouble+8 {
		t.Errorf("%d bytes of an error", len(long.Text))
	}
}
