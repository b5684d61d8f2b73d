package network_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"go.uber.org/goleak"
)

// The sessions mostly wait: many more than there are processors run side by side,
// unless somebody says -parallel.
func TestMain(m *testing.M) {
	if flag.Lookup("test.parallel").Value.String() == flag.Lookup("test.parallel").DefValue {
		flag.Set("test.parallel", "24")
	}
	goleak.VerifyTestMain(m)
}

const (
	// wait is both ends' patience. It is as long as a busy machine may take for a
	// step of a session that is well.
	wait = time.Second
	// deadline is what no session may need, however slow the machine is.
	deadline = time.Minute
)

// stage is where a fault can be: the marker, and how many bytes may lie between
// it and the fault.
type stage struct {
	name     string
	toSender bool
	marker   string
	span     int
}

var stages = []stage{
	{"the request", false, "", 130},
	{"the first line", false, "chunked", 40},
	{"the offers", false, ":MISSING_CHECK: START", 900},
	{"the end of the offers", false, ":MISSING_CHECK: END", 8},
	{"the first subrequest", false, ":UPDATES: START", 250},
	{"the subrequests", false, ":UPDATES: START", 700_000},
	{"the end of the updates", false, ":UPDATES: END", 8},
	{"the response", true, "", 130},
	{"the wanted lines", true, ":MISSING_CHECK: START", 500},
	{"the end of the wanted lines", true, ":MISSING_CHECK: END", 8},
	{"the confirmation", true, ":UPDATES: START", 20},
	{"the last chunk", true, ":UPDATES: END", 8},
}

// Each kind of fault happens at each stage, once for each seed. The session ends,
// in an error that names the peer unless everything was proven before; no damaged
// body is published; what is proven is there; both disks are sound; and the next
// session, undisturbed, makes up for it. Damage to the heads of request and response
// may go unnoticed, since only TCP guards them; behind those, where both ends have
// agreed on sums, nothing does, not even in a header that means nothing to us.
func TestFaultsAtEveryStage(t *testing.T) {
	for _, seed := range faultstest.Seeds(t, faultstest.Count(t, 1, 300)) {
		for i, s := range stages {
			for k, kind := range kinds {
				r := faultstest.Rand(seed<<16 | uint64(i)<<8 | uint64(k))
				f := &fault{kind: kind, toSender: s.toSender, stage: s.marker, offset: r.IntN(s.span), rand: r}
				t.Run(fmt.Sprintf("%s in %s, seed %d", kind, s.name, seed), func(t *testing.T) {
					t.Parallel()
					session(t, f)
					if t.Failed() {
						t.Logf("%d bytes behind %q; again: %s", f.offset, f.stage, faultstest.Again("network", "TestFaultsAtEveryStage", seed))
					}
				})
			}
		}
	}
}

func session(t *testing.T, f *fault) {
	from, to := storetest.Devices(t), storetest.Devices(t)
	here, there := faultstest.Partition(t, from), faultstest.Partition(t, to)
	sent := faultstest.Sent{}
	faultstest.Grow(t, here, f.rand, "old", 1)
	first := faultstest.Start(t, faultstest.Store(t, to, nil))
	if r := faultstest.Push(t, here, first.Address); r.Err != nil {
		t.Fatal(r.Err)
	}
	first.Stop()
	sent.Take(t, here)
	faultstest.Grow(t, here, f.rand, "old", 10)
	faultstest.Grow(t, here, f.rand, "new", 20)
	sent.Take(t, here)

	patience := wait
	if f.kind == "dribble" {
		patience = deadline // what must go well has all the time there is
	}
	node := faultstest.Start(t, faultstest.Store(t, to, nil), faultstest.Impatient(patience))
	p := newProxy(t, node.Address, f)
	var result *ssync.Result
	within(t, "the session", func() { result = faultstest.Push(t, here, p.address, faultstest.Waits(patience)) })
	if hit := p.close(); !hit {
		t.Log("the fault was beyond the end of the stream")
	}
	judge(t, f, result)
	noticed := !damaging[f.kind] || strings.HasPrefix(f.stage, ":")
	if noticed {
		faultstest.Believe(t, here, there, result)
	}
	within(t, "the receiver's end", node.Stop)
	faultstest.Sound(t, to, sent)
	faultstest.Sound(t, from, sent)

	again := faultstest.Start(t, faultstest.Store(t, to, nil))
	if r := faultstest.Push(t, here, again.Address); r.Err != nil || r.Proven != r.Offered {
		t.Errorf("the next session proved %d of %d: %v", r.Proven, r.Offered, r.Err)
	}
	again.Stop()
	faultstest.Sound(t, to, sent)
	if noticed {
		faultstest.Same(t, from, to)
	}
}

// judge reads what the session said of itself.
func judge(t *testing.T, f *fault, r *ssync.Result) {
	switch {
	case r.Err == nil && r.Proven != r.Offered:
		t.Errorf("no error, and %d of %d proven", r.Proven, r.Offered)
	case r.Err != nil && f.kind == "dribble":
		t.Errorf("slow is no error: %v", r.Err)
	case r.Err != nil && !strings.HasPrefix(r.Err.Error(), "127.0.0.1:"):
		t.Errorf("the error does not name the peer: %v", r.Err)
	case r.Err != nil:
		t.Log(r.Err)
	}
}

// within fails the test if f hangs.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(deadline):
		panic(what + " hangs in " + t.Name())
	}
}
