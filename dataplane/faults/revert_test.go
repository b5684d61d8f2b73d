package faults_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// A call of the receiver fails during the session of a revert. What is removed then
// is what the receiver has, and no more: what did not arrive stays as it was, and
// goes after a session that is not disturbed, with the partition.
func TestRevertKeepsWhatIsNotProven(t *testing.T) {
	var count storetest.Fault
	newHouse(t).session(nil, &count)
	calls, _ := count.Disarm()
	stride := 16
	if os.Getenv("RINGSYNC_FULL") != "" {
		stride = 1
	}
	kept := 0
	for n := 1; n <= calls; n += stride {
		t.Run(fmt.Sprintf("call %d", n), func(t *testing.T) { kept += revertOnce(t, n) })
	}
	if kept == 0 {
		t.Error("every object was proven in every session: nothing was shown")
	}
}

func revertOnce(t *testing.T, n int) (kept int) {
	h := newHouse(t)
	before := h.states(h.from)
	var fault storetest.Fault
	fault.Arm(n, unix.ENOSPC)
	result := h.session(nil, &fault)
	fault.Disarm()

	proven := map[proto.Hash]bool{}
	result.Each(func(h proto.Hash, outcome ssync.Outcome, _ store.Times) {
		proven[h] = outcome == ssync.InSync || outcome == ssync.Sent
	})
	h.remove(t, result)
	after, there := h.states(h.from), h.states(h.to)
	for _, name := range names {
		switch is := proven[storetest.Hash(name)]; {
		case is && after[name] != "nothing":
			t.Errorf("%s is proven, and still there", name)
		case is && there[name] != before[name]:
			t.Errorf("%s is removed, and the receiver has %s, not %s", name, there[name], before[name])
		case !is && after[name] != before[name]:
			t.Errorf("%s is not proven, and is %s, not %s", name, after[name], before[name])
		}
		if after[name] != "nothing" {
			kept++
		}
	}

	if kept > 0 {
		h.remove(t, h.session(nil, nil))
	}
	if exists, err := h.partition(h.from).Exists(); exists || err != nil {
		t.Errorf("after an undisturbed session the partition is there: %v, %v", exists, err)
	}
	there = h.states(h.to)
	for _, name := range names {
		if there[name] != before[name] {
			t.Errorf("%s: the receiver has %s, not %s", name, there[name], before[name])
		}
	}
	return kept
}

func (h *house) states(devices string) map[string]string {
	h.t.Helper()
	list := map[string]string{}
	for _, name := range names {
		list[name] = storetest.MustState(h.t, h.partition(devices), name)
	}
	return list
}

// remove removes what a session has proven.
func (h *house) remove(t *testing.T, result *ssync.Result) {
	t.Helper()
	p := h.partition(h.from)
	lock, err := p.LockRevert(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if _, err := p.Remove(t.Context(), lock, result.AppendProven(nil)); err != nil {
		t.Error(err)
	}
}
