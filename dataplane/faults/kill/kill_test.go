package kill_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// Sender, receiver or both are killed at a random moment of a pass. What the
// sender had called proven is there; everything that can be seen is whole; the
// next pass completes without anybody tidying up, and both disks are the same.
func TestKill(t *testing.T) {
	h := faultstest.Build(t)
	cycles := faultstest.Count(t, 20, 500)
	d := h.Start()
	here, there := faultstest.Partition(t, h.From), faultstest.Partition(t, h.To)
	sent := faultstest.Sent{}
	whole := 100 * time.Millisecond // what a pass takes, so far as is known
	dead := map[string]int{}
	for cycle := range cycles {
		r := faultstest.Rand(uint64(cycle))
		grow(t, here, r, cycle)
		sent.Take(t, here)
		victim := []string{"the sender", "the receiver", "both", "the receiver of a sender who tells all"}[cycle%4]
		moment := time.Duration(1 + r.Int64N(int64(whole)*5/4))
		what := fmt.Sprintf("cycle %d, %s killed after %v", cycle, victim, moment)

		acknowledged := strike(t, h, d, victim, moment, here, there)
		if victim == "the sender" {
			d.Kill() // its end of the session is still open, and writes what has come
		}
		faultstest.Killed(t, h.To, sent)
		faultstest.Killed(t, h.From, sent)
		if alike := faultstest.Alike(t, here, there); alike < acknowledged {
			t.Errorf("%d were proven, and %d are there", acknowledged, alike)
		}
		dead[victim]++

		d = h.Start()
		began := time.Now()
		if p, _, err := h.Push(d.Address, 0); err != nil || p.Proven != p.Offered {
			t.Errorf("the next pass: %v: %+v\n%s", err, p, d.Log())
		}
		whole = (whole + time.Since(began)) / 2
		faultstest.Same(t, h.From, h.To)
		if t.Failed() {
			t.Fatalf("%s; again: RINGSYNC_COUNT=%d go test ./dataplane/faults/kill -run '^TestKill$'", what, cycle+1)
		}
	}
	t.Logf("killed: %v", dead)
}

// grow makes work for a pass. push reclaims tombstones of more than a week, so its
// times are of yesterday. It returns how many bytes the new bodies have.
func grow(t *testing.T, p *store.Partition, r *rand.Rand, cycle int) (size int) {
	yesterday := time.Now().Add(-24*time.Hour).Unix() - storetest.Time(0).Time().Unix()
	at := float64(yesterday) + float64(cycle)*100
	put := func(name string, at float64, n int) {
		if err := storetest.Put(p, name, storetest.Time(at), faultstest.Body(r, n)); err != nil {
			t.Fatal(err)
		}
		size += n
	}
	for i := range 100 {
		put(fmt.Sprintf("/a/c/tiny-%d", i), at+float64(i)/100, r.IntN(300))
	}
	faultstest.Grow(t, p, r, fmt.Sprintf("cycle-%d", cycle%5), at+10)
	put("/a/c/large", at, 3<<20)
	return size
}

// strike makes a pass during which somebody dies, and returns how many objects
// were proven by then.
func strike(t *testing.T, h *faultstest.House, d *faultstest.Daemon, victim string, moment time.Duration, here, there *store.Partition) (acknowledged int) {
	if victim != "the sender" {
		timer := time.AfterFunc(moment, func() { d.Cmd.Process.Kill() })
		defer timer.Stop()
		defer d.Kill()
	}
	if victim == "the receiver of a sender who tells all" {
		result := faultstest.Push(t, here, d.Address)
		d.Kill()
		faultstest.Believe(t, here, there, result)
		return result.Proven
	}
	var killAfter time.Duration
	if victim != "the receiver" {
		killAfter = moment
	}
	r, told, _ := h.Push(d.Address, killAfter)
	if !told {
		return 0
	}
	return r.Proven
}
