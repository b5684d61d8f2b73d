package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// What is young may be somebody's who has not come to his fsyncs: it is made
// durable before anybody may rely on it, with the directories above it, each of
// them once a session. What is old is durable.
func TestHeld(t *testing.T) {
	kin := sibling(first)
	dir := func(name string) string {
		h := storetest.Hash(name)
		return "objects/0/" + h.Suffix().String() + "/" + h.String()
	}
	above := []string{".", "objects", "objects/0", "objects/0/" + storetest.Hash(first).Suffix().String()}
	for _, test := range []struct {
		name  string
		age   time.Duration
		first []string // synced when the first is asked for
		kin   []string // and then its neighbour
	}{
		{"young", 0, append([]string{dir(first) + "/1700000001.00000.data", dir(first)}, above...), []string{dir(kin) + "/1700000001.00000.data", dir(kin)}},
		{"old", 3 * time.Minute, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var trace storetest.Trace
			p := newPartition(t, watched(&trace), func(c *store.Config) {
				c.Now = func() time.Time { return time.Now().Add(test.age) }
			})
			plantAny(t, p, first, "1700000001.00000.data")
			plantAny(t, p, kin, "1700000001.00000.data")
			time.Sleep(50 * time.Millisecond) // longer than the grain of the kernel's file times
			for _, asked := range []struct {
				name string
				want []string
			}{{first, test.first}, {kin, test.kin}} {
				trace.Reset()
				o, err := p.Held(storetest.Hash(asked.name))
				must(t, err)
				o.Close()
				var synced []string
				for _, op := range trace.Calls(store.CallSync) {
					synced = append(synced, op.Path)
				}
				slices.Sort(synced)
				slices.Sort(asked.want)
				if !slices.Equal(synced, asked.want) {
					t.Errorf("%s: synced %q, want %q", asked.name, synced, asked.want)
				}
			}
		})
	}
}

// What is not there is no error, what can't be told is one.
func TestHeldOfNothing(t *testing.T) {
	var fault storetest.Fault
	p := newPartition(t, watched(&fault))
	if o, err := p.Held(storetest.Hash(first)); o != nil || err != nil {
		t.Errorf("%v, %v", o, err)
	}
	plantBare(t, p, first, "1700000001.00000.data", "")
	if o, err := p.Held(storetest.Hash(first)); o != nil || err == nil {
		t.Errorf("damaged: %v, %v", o, err)
	}
	plantAny(t, p, second, "1700000001.00000.data")
	fault.Arm(1, unix.EMFILE)
	if o, err := p.Held(storetest.Hash(second)); o != nil || storetest.Errno(err) != unix.EMFILE {
		t.Errorf("no descriptor left: %v, %v", o, err)
	}
}
