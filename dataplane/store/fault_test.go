package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// Every call that an operation makes on the file system fails once, in three
// ways. Whatever then was acknowledged is there, what was not is the old object or
// the new one; the error names the call; nothing leaks; and the same operation
// works when it is tried again.
func TestEveryCallFailsOnce(t *testing.T) {
	for _, sc := range scenarios() {
		t.Run(sc.name, func(t *testing.T) {
			if (sc.name == "a large object" || testing.Short()) && os.Getenv("RINGSYNC_FULL") == "" {
				t.Log("one errno only; all with RINGSYNC_FULL=1")
				sc.failOnce(t, storetest.Errnos[1])
				return
			}
			for _, errno := range storetest.Errnos {
				sc.failOnce(t, errno)
			}
		})
	}
}

// failOnce plays the scenario once for each of its calls.
func (sc scenario) failOnce(t *testing.T, errno unix.Errno) {
	want := sc.reference(t)
	for n := 1; ; n++ {
		c := &faultCase{scenario: sc, t: t, want: want, errno: errno}
		if c.play(n); c.hit == nil {
			return
		}
		if t.Failed() {
			t.Fatalf("call %d, %s", n, storetest.Describe(c.hit, errno))
		}
	}
}

// faultCase is one play of a scenario in which one call fails.
type faultCase struct {
	scenario
	t     *testing.T
	want  []map[string]string
	errno unix.Errno
	hit   *store.Op

	fault   storetest.Fault
	notices []string
	store   *store.Store
	p       *store.Partition
	device  string
}

func (c *faultCase) play(n int) {
	before := storetest.Descriptors(c.t)
	c.store = storetest.New(c.t, keepTombstones, c.witness(&c.fault), func(cfg *store.Config) {
		cfg.Notice = func(notice store.Notice) { c.notices = append(c.notices, notice.Text) }
	})
	device, err := c.store.Device("d1")
	must(c.t, err)
	c.p, c.device = device.Partition(c.store.Cluster().Policies[0], 0), c.store.Devices()+"/d1"
	c.prepare(c.t, c.p)

	c.fault.Arm(n, c.errno)
	step, failed := c.untilFailure()
	_, c.hit = c.fault.Disarm()
	if c.hit == nil {
		device.Close()
		return
	}
	c.checkError(failed)
	c.checkMark()
	c.checkStates(step, failed)
	c.checkTree()
	c.checkAgain()
	device.Close()
	if diff := cmp.Diff(before, storetest.Descriptors(c.t)); diff != "" {
		c.t.Errorf("descriptors:\n%s", diff)
	}
	os.RemoveAll(c.store.Devices()) // thousands of trees are too many to keep till the end
}

// untilFailure plays the steps up to the first that fails, and returns which
// that was and what failed in it.
func (c *faultCase) untilFailure() (step int, failed map[string]error) {
	for step := range c.steps {
		if failed := run(c.p, c.steps[step]); len(failed) > 0 {
			return step, failed
		}
	}
	return len(c.steps) - 1, nil
}

func (c *faultCase) checkError(failed map[string]error) {
	if len(failed) == 0 {
		if !c.toldOtherwise() && storetest.Ignored(c.hit) == "" && !c.compares() {
			c.t.Error("nobody was told")
		}
		return
	}
	for name, err := range failed {
		if !errors.Is(err, c.errno) || !storetest.Names(err.Error(), c.hit, c.errno) {
			c.t.Errorf("%q: the error does not name the call: %v", name, err)
		}
	}
}

// compares: of two bodies that claim one time, or of one that comes again checked, the .data that is there can't be
// compared with the one to be published. It is replaced, which needs no reason.
func (c *faultCase) compares() bool {
	reading := c.hit.Call == store.CallOpen || c.hit.Call == store.CallStat || c.hit.Call == store.CallGetxattr
	return (c.contested || c.rechecked) && reading && strings.HasSuffix(c.hit.Path, ".data")
}

// toldOtherwise: a notice speaks for what has no caller.
func (c *faultCase) toldOtherwise() bool {
	return storetest.Names(strings.Join(c.notices, "\n"), c.hit, c.errno)
}

// checkMark: a failed fsync, or the start of one, and nothing else, makes the device suspect; a full
// disk does not.
func (c *faultCase) checkMark() {
	device, err := c.store.Device("d1")
	if err == nil {
		device.Close()
	}
	want := (c.hit.Call == store.CallSync || c.hit.Call == store.CallStart) && c.errno != unix.ENOSPC
	if want != errors.Is(err, store.ErrSuspect) {
		c.t.Errorf("device suspect: %v, want %v", err, want)
	}
	must(c.t, c.store.Clear("d1"))
}

// checkStates: what was acknowledged is there, what was not is old or new.
func (c *faultCase) checkStates(step int, failed map[string]error) {
	held, err := states(c.p, c.names)
	if err != nil {
		c.t.Error(err)
		return
	}
	for _, name := range c.names {
		failedHere := failed[name] != nil || failed[""] != nil
		if held[name] != c.want[step+1][name] && !(failedHere && held[name] == c.want[step][name]) {
			c.t.Errorf("%s, failed %v, holds\n%s, want\n%s, or if it failed\n%s", name, failedHere, held[name], c.want[step+1][name], c.want[step][name])
		}
	}
}

func (c *faultCase) checkTree() {
	if err := storetest.CheckDigests(c.p.Path()); err != nil && !errors.Is(err, os.ErrNotExist) {
		c.t.Error(err)
	}
	if litter := storetest.Litter(c.t, c.device); len(litter) > 0 && c.hit.Call != store.CallUnlink {
		c.t.Errorf("left behind: %q", litter)
	}
	storetest.LocksFree(c.t, c.device)
	for _, text := range c.notices {
		if strings.Contains(text, "quarantined as") {
			c.t.Error(text)
		}
	}
}

// checkAgain plays the whole once more, undisturbed.
func (c *faultCase) checkAgain() {
	for i, step := range c.steps {
		for name, err := range run(c.p, step) {
			c.t.Errorf("again, step %d, %q: %v", i, name, err)
		}
	}
	held, err := states(c.p, c.names)
	last := c.want[len(c.want)-1]
	if err != nil || !c.contested && fmt.Sprint(held) != fmt.Sprint(last) {
		c.t.Errorf("again: %v, %v, want %v", err, held, last)
	}
	if _, err := c.p.Digests(context.Background(), nil, true); err != nil {
		c.t.Error(err)
	}
	if err := storetest.CheckDigests(c.p.Path()); err != nil {
		c.t.Error(err)
	}
}
