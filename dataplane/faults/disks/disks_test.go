package disks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// failing refuses one kind of call on one device, from the moment it is armed.
type failing struct {
	call  store.Call
	errno unix.Errno
	mu    sync.Mutex
	armed bool
}

func (f *failing) arm(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = on
}

func (f *failing) Before(op *store.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.armed && op.Device == "d1" && op.Call == f.call {
		return f.errno
	}
	return nil
}

func (f *failing) After(*store.Op, error) {}

// twoDevices is a devices directory with d1 and d2.
func twoDevices(t *testing.T) string {
	t.Helper()
	devices := storetest.Devices(t)
	if err := os.Mkdir(filepath.Join(devices, "d2"), 0o755); err != nil {
		t.Fatal(err)
	}
	return devices
}

// One kind of call fails on the receiver's disk, again and again. Nothing that the
// sender counts as proven is missing, nothing half is there, the other device takes
// all of it, and the verdict about the device is the one that its error asks for:
// a failed fsync makes it suspect, a full or read-only disk does not.
func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		call    store.Call
		errno   unix.Errno
		suspect bool
	}{
		{store.CallWrite, unix.EIO, false},
		{store.CallWrite, unix.ENOSPC, false},
		{store.CallWrite, unix.EDQUOT, false},
		{store.CallSync, unix.ENOSPC, false},
		{store.CallSync, unix.EDQUOT, false},
		{store.CallSync, unix.EIO, true},
		{store.CallSync, unix.EROFS, true},
		{store.CallTemp, unix.EROFS, false},
		{store.CallCreate, unix.EROFS, false},
		{store.CallMkdir, unix.EROFS, false},
		{store.CallLink, unix.EIO, false},
		{store.CallLink, unix.EDQUOT, false},
		{store.CallSetxattr, unix.ENOSPC, false},
		{store.CallAllocate, unix.ENOSPC, false},
		{store.CallRead, unix.EIO, false},
		{store.CallReadDir, unix.EIO, false},
		{store.CallOpen, unix.EMFILE, false},
	} {
		t.Run(fmt.Sprintf("%s %s", test.call, unix.ErrnoName(test.errno)), func(t *testing.T) {
			from, to := storetest.Devices(t), twoDevices(t)
			here := faultstest.Partition(t, from)
			sent := faultstest.Sent{}
			faultstest.Grow(t, here, faultstest.Rand(1), "o", 1)
			if err := storetest.Put(here, "/a/c/large", storetest.Time(1), make([]byte, 2<<20)); err != nil {
				t.Fatal(err)
			}
			sent.Take(t, here)
			fault := &failing{call: test.call, errno: test.errno}
			s := faultstest.Store(t, to, fault)
			node := faultstest.Start(t, s)

			fault.arm(true)
			result := faultstest.Push(t, here, node.Address)
			if result.Err == nil && result.Proven != result.Offered {
				t.Errorf("no error, and %d of %d proven", result.Proven, result.Offered)
			}
			if other := faultstest.PushTo(t, here, node.Address, "d2"); other.Err != nil || other.Proven != other.Offered {
				t.Errorf("the other device: %d of %d proven: %v", other.Proven, other.Offered, other.Err)
			}
			fault.arm(false)
			faultstest.Believe(t, here, faultstest.Partition(t, to), result)

			device, err := s.Device("d1")
			if errors.Is(err, store.ErrSuspect) != test.suspect {
				t.Errorf("the verdict is %v", err)
			}
			if err == nil {
				device.Close()
				if result = faultstest.Push(t, here, node.Address); result.Err != nil || result.Proven != result.Offered {
					t.Errorf("once the disk is well: %d of %d: %v", result.Proven, result.Offered, result.Err)
				}
			}
			node.Stop()
			faultstest.Sound(t, to, sent)
		})
	}
}

// A body rots under sound metadata on the sender's disk. It is never counted as
// proven and never spread: with --sender-md5 the sender refuses it, without it the
// receiver does, and the sender's audit finds it. Either way it goes to quarantine,
// and everything else arrives.
func TestBitRot(t *testing.T) {
	for _, size := range []int{100, 100_000, 3 << 20} {
		for _, md5 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d bytes, sender-md5 %v", size, md5), func(t *testing.T) {
				from, to := storetest.Devices(t), storetest.Devices(t)
				here, there := faultstest.Partition(t, from), faultstest.Partition(t, to)
				names := faultstest.Grow(t, here, faultstest.Rand(1), "o", 1)
				body := bytes.Repeat([]byte{7}, size)
				if err := storetest.Put(there, "/a/c/rotten", storetest.Time(1), []byte("an older one, sound")); err != nil {
					t.Fatal(err)
				}
				old := storetest.MustState(t, there, "/a/c/rotten")
				if err := storetest.Put(here, "/a/c/rotten", storetest.Time(2), body); err != nil {
					t.Fatal(err)
				}
				h := storetest.Hash("/a/c/rotten")
				body[size/2] ^= 1
				if err := os.WriteFile(filepath.Join(here.Path(), h.Suffix().String(), h.String(), storetest.Time(2).Internal()+".data"), body, 0o644); err != nil {
					t.Fatal(err)
				}
				node := faultstest.Start(t, faultstest.Store(t, to, nil))
				var results []*ssync.Result
				for range 2 { // a large body ends the session in which its rot is seen
					results = append(results, faultstest.Push(t, here, node.Address, func(c *ssync.SenderConfig) { c.MD5 = md5 }))
				}
				for _, r := range results {
					r.Each(func(offered proto.Hash, outcome ssync.Outcome, _ store.Times) {
						if offered == h && (outcome == ssync.Sent || outcome == ssync.InSync) {
							t.Errorf("the rotten body is %s: %v", outcome, r.Err)
						}
					})
				}
				if last := results[1]; last.Err != nil || last.Proven != len(names) {
					t.Errorf("then %d of %d proven: %v", last.Proven, len(names), last.Err)
				}
				if now := storetest.MustState(t, there, "/a/c/rotten"); now != old {
					t.Errorf("at the receiver %s became %s", old, now)
				}
				if _, err := os.Stat(filepath.Join(from, "d1/quarantined/objects", h.String())); err != nil {
					t.Errorf("not in quarantine: %v", err)
				}
				node.Stop()
				faultstest.Sound(t, to, nil)
			})
		}
	}
}

// As long as one fsync of a session has not returned, its updates are not
// confirmed.
func TestNothingIsConfirmedEarly(t *testing.T) {
	for _, path := range []string{"a file", "a directory"} {
		t.Run(path, func(t *testing.T) {
			devices := storetest.Devices(t)
			hash := storetest.Hash("/a/c/o")
			dir := "objects/0/" + hash.Suffix().String() + "/" + hash.String()
			reached, release := make(chan struct{}, 100), make(chan struct{})
			hooks := storetest.Hooks{OnBefore: func(op *store.Op) error {
				if op.Call == store.CallSync && (op.Path == dir) == (path == "a directory") && op.Path != "objects/0/hashes.invalid" {
					reached <- struct{}{}
					<-release
				}
				return nil
			}}
			node := faultstest.Start(t, faultstest.Store(t, devices, hooks))
			talk := faultstest.Call(t, node.Address, "d1")
			talk.Offer("/a/c/o")
			talk.Updates(faultstest.Put("/a/c/o", "abc"))
			<-reached
			heard := make(chan string, 1)
			go func() { heard <- talk.Hear(proto.UpdatesEnd) }()
			select {
			case said := <-heard:
				t.Errorf("%q came before the fsync had returned", said)
				close(release)
			case <-time.After(300 * time.Millisecond):
				close(release)
				if said := <-heard; !strings.Contains(said, proto.UpdatesEnd) {
					t.Errorf("%q", said)
				}
			}
			talk.Bye()
		})
	}
}

// A disk hangs: every call on it waits. Those who ask for it take no more than an
// eighth of max_clients, however often they come, and none of the buffers. So
// sessions on the other disk go on, and the node stops, leaving behind what only
// the disk can end.
func TestHangingDisk(t *testing.T) {
	const clients, room, callers = 80, 10, 30
	from, to := storetest.Devices(t), twoDevices(t)
	here := faultstest.Partition(t, from)
	release, hangs := make(chan struct{}), make(chan struct{}, 1000)
	hooks := storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Device == "d1" && op.Call != store.CallLock {
			hangs <- struct{}{}
			<-release
		}
		return nil
	}}
	node := faultstest.Start(t, faultstest.Store(t, to, hooks), func(c *dataplane.Config) { c.MaxClients, c.Buffers, c.Lanes = clients, 2, 1 })
	var turnedAway int
	for i := range callers {
		if i%3 == 0 {
			conn, err := net.Dial("tcp", node.Address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, "REPLICATE /d1/0 HTTP/1.1\r\n\r\n")
			continue
		}
		if strings.Contains(faultstest.Call(t, node.Address, "d1").Hear("\r\n"), " 503 ") {
			turnedAway++
		}
	}
	for range room {
		<-hangs
	}
	if most := callers - callers/3; turnedAway < most-room || turnedAway == most {
		t.Errorf("%d of %d sessions were turned away, and there is room for %d", turnedAway, most, room)
	}
	for i := range 10 {
		faultstest.Grow(t, here, faultstest.Rand(uint64(i)), "o", float64(i*10))
		if err := storetest.Put(here, "/a/c/large", storetest.Time(float64(i)), make([]byte, 3<<20)); err != nil {
			t.Fatal(err)
		}
		if r := faultstest.PushTo(t, here, node.Address, "d2"); r.Err != nil || r.Proven != r.Offered {
			t.Errorf("session %d on the other disk: %d of %d: %v", i, r.Proven, r.Offered, r.Err)
		}
	}
	stopped := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		stopped <- node.Abandon(ctx)
	}()
	select {
	case err := <-stopped:
		if err == nil || !strings.Contains(err.Error(), "does a disk hang?") {
			t.Errorf("stopped with %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the node waits for the disk")
	}
	close(release)
	node.Stop()
}
