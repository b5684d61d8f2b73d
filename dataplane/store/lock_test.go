package store_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// The locks are flock(2) on the files that Swift locks: one who has them keeps
// everybody else out, in this process too, until he lets go.
func TestLocks(t *testing.T) {
	p := newPartition(t)
	device := filepath.Dir(filepath.Dir(p.Path()))
	const moment = 30 * time.Millisecond
	for _, test := range []struct {
		name, path string
		take       func(context.Context) (*store.Lock, error)
	}{
		{"a partition", filepath.Join(p.Path(), ".lock-replication"),
			func(ctx context.Context) (*store.Lock, error) { return p.LockReplication(ctx, moment) }},
		{"the only slot", filepath.Join(device, ".lock"),
			func(ctx context.Context) (*store.Lock, error) { return p.Device().LockSlot(ctx, 1, moment) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx := context.Background()
			lock, err := test.take(ctx)
			must(t, err)
			if other, err := storetest.Flock(test.path); !errors.Is(err, unix.EWOULDBLOCK) {
				t.Errorf("somebody else has it as well: %v, %v", other, err)
			}
			_, err = test.take(ctx)
			var timeout *store.LockTimeoutError
			if !errors.As(err, &timeout) || err.Error() != "0.03 seconds: "+test.path || !timeout.Timeout() {
				t.Errorf("%v", err)
			}
			ended, cancel := context.WithCancelCause(ctx)
			stop := errors.New("stop")
			cancel(stop)
			if _, err := test.take(ended); !errors.Is(err, stop) {
				t.Errorf("%v", err)
			}
			lock.Release()
			again, err := test.take(ctx)
			must(t, err)
			again.Release()
			if st, err := os.Stat(test.path); err != nil || st.Size() != 0 {
				t.Errorf("the file does not stay: %v", err)
			}
		})
	}
}

// Python and we keep each other out.
func TestLocksAgainstPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil && os.Getenv("REQUIRE_SWIFT") == "1" {
		t.Fatalf("REQUIRE_SWIFT=1, but %v", err)
	}
	if err != nil {
		t.Skip("no python3 here; flock(2) itself is tested by TestLocks")
	}
	p := newPartition(t)
	lock, err := p.LockReplication(context.Background(), time.Second)
	must(t, err)
	const script = `import errno, fcntl, sys
f = open(sys.argv[1], "w")
try:
    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("taken")
except OSError as e:
    print(errno.errorcode[e.errno])`
	ask := func() string {
		out, err := exec.Command(python, "-c", script, filepath.Join(p.Path(), ".lock-replication")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	if got := ask(); got != "EAGAIN\n" {
		t.Errorf("while we hold it: %q", got)
	}
	lock.Release()
	if got := ask(); got != "taken\n" {
		t.Errorf("when we have let go: %q", got)
	}
}

// A device has as many slots as it is told to; without a limit there is no lock.
func TestLockSlots(t *testing.T) {
	d := newPartition(t).Device()
	ctx := context.Background()
	for _, n := range []int{0, -1} {
		if lock, err := d.LockSlot(ctx, n, 0); lock != nil || err != nil {
			t.Errorf("%d slots: %v, %v", n, lock, err)
		}
	}
	var locks []*store.Lock
	for range 3 {
		lock, err := d.LockSlot(ctx, 3, 0)
		must(t, err)
		locks = append(locks, lock)
	}
	if _, err := d.LockSlot(ctx, 3, 0); err == nil {
		t.Error("a fourth slot of three")
	}
	locks[1].Release()
	lock, err := d.LockSlot(ctx, 3, 0)
	must(t, err)
	for _, l := range []*store.Lock{locks[0], locks[2], lock, nil} {
		l.Release()
	}
}

// A lock on a file that has been unlinked meanwhile excludes nobody: it is
// taken on the one that stands there now.
func TestLockOfAnUnlinkedFile(t *testing.T) {
	var path string
	unlinked := false
	p := newPartition(t, watched(storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallLock && !unlinked {
			unlinked = true
			return os.Remove(path)
		}
		return nil
	}}))
	path = filepath.Join(p.Path(), ".lock-replication")
	lock, err := p.LockReplication(context.Background(), time.Second)
	must(t, err)
	defer lock.Release()
	if other, err := storetest.Flock(path); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("the file that is there now is not locked: %v, %v", other, err)
	}
}

// Who waits for a lock gets it soon after it is let go.
func TestLockWaits(t *testing.T) {
	p := newPartition(t)
	lock, err := p.LockReplication(context.Background(), time.Second)
	must(t, err)
	time.AfterFunc(20*time.Millisecond, lock.Release)
	second, err := p.LockReplication(context.Background(), 5*time.Second)
	must(t, err)
	second.Release()
}
