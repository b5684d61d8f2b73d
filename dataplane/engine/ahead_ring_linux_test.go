package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ringsync/ringsync/dataplane/uring"
	"golang.org/x/sys/unix"
)

// aheadRig is a file that is fetched ahead, and what was asked and told of it.
type aheadRig struct {
	t       *testing.T
	path    string
	body    int
	cold    bool             // as far as it says itself
	refuses map[string]error // Starts

	fd      int
	said    []string
	fetches atomic.Int32 // in the other way
}

func (a *aheadRig) Fetch() bool { a.fetches.Add(1); return a.cold }

func (a *aheadRig) say(what string, err error) {
	a.said = append(a.said, fmt.Sprintf("%s %v", what, err))
}

func (a *aheadRig) start(what string) error {
	err := a.refuses[what]
	if err != nil {
		a.say("not "+what, err)
	}
	return err
}

func (a *aheadRig) StartOpen() (dir int, path string, flags, resolve uint64, err error) {
	return unix.AT_FDCWD, a.path, unix.O_RDONLY | unix.O_CLOEXEC, unix.RESOLVE_NO_SYMLINKS, a.start("open")
}

func (a *aheadRig) EndOpen(fd int, err error) (int, error) {
	a.say("open", err)
	a.fd = fd
	return a.body, err
}

func (a *aheadRig) StartRead() error {
	err := a.start("read")
	if a.cold && !slices.Contains(a.said, "cold <nil>") {
		a.say("cold", nil)
		return fmt.Errorf("a witness: %w", unix.EAGAIN)
	}
	return err
}

func (a *aheadRig) EndRead(err error) { a.say("read", err) }
func (a *aheadRig) StartAttribute() (name string, err error) {
	return "user.there", a.start("attribute")
}
func (a *aheadRig) EndAttribute(err error) { a.say("attribute", err) }

func (a *aheadRig) Close() {
	a.say("close", unix.Close(a.fd))
}

// newAhead makes a file of n bytes.
func newAhead(t *testing.T, n int) *aheadRig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, make([]byte, n), 0o600); err != nil {
		t.Fatal(err)
	}
	return &aheadRig{t: t, path: path, body: n}
}

// fetchingEngine is one whose rings fetch.
func fetchingEngine(t *testing.T, buffers int, cfg Config) *Engine {
	t.Helper()
	cfg.Name, cfg.Pool = "uring", newPool(t, buffers)
	e, err := New(cfg)
	if err == nil && !e.rules.fetches && cfg.seams.probe == nil {
		err = errors.New(e.rules.FetchWhy)
	}
	if err != nil {
		if os.Getenv("REQUIRE_URING") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// Of each file is told what was done with it, in an order that its owner can follow,
// and all that was opened is closed; what fails holds up nobody.
func TestFetchByRing(t *testing.T) {
	const attribute = "attribute no data available"
	missing, link := newAhead(t, 5), newAhead(t, 5)
	missing.path += "-not"
	if err := os.Symlink(link.path, link.path+"-link"); err != nil {
		t.Fatal(err)
	}
	link.path += "-link"
	long := newAhead(t, 5)
	long.path = strings.Repeat("x", 5000)
	refused := func(call string) *aheadRig {
		a := newAhead(t, 5)
		a.refuses = map[string]error{call: unix.EIO}
		return a
	}
	cold := newAhead(t, 5000)
	cold.cold = true
	rows := []struct {
		name string
		file *aheadRig
		want []string // sorted
	}{
		{"warm", newAhead(t, 5000), []string{attribute, "close <nil>", "open <nil>", "read <nil>"}},
		{"cold", cold, []string{attribute, "close <nil>", "cold <nil>", "open <nil>", "read <nil>"}},
		{"empty", newAhead(t, 0), []string{attribute, "close <nil>", "open <nil>"}},
		{"missing", missing, []string{"open no such file or directory"}},
		{"a symlink", link, []string{"open too many levels of symbolic links"}},
		{"too long a path", long, []string{"open file name too long"}},
		{"open refused", refused("open"), []string{"not open input/output error"}},
		{"read refused", refused("read"), []string{attribute, "close <nil>", "not read input/output error", "open <nil>"}},
		{"attribute refused", refused("attribute"), []string{"close <nil>", "not attribute input/output error", "open <nil>", "read <nil>"}},
	}
	var files []Ahead
	for _, row := range rows {
		files = append(files, row.file)
	}
	for range 300 { // more than there are places
		files = append(files, newAhead(t, 100))
	}
	if n := fetchingEngine(t, 1, Config{}).Fetch(files, new(atomic.Bool)); n != 1 {
		t.Errorf("%d are cold, want 1", n)
	}
	for _, row := range rows {
		said := slices.Clone(row.file.said)
		if k := slices.Index(said, "close <nil>"); k >= 0 && k != len(said)-1 || row.file.fetches.Load() > 0 {
			t.Errorf("%s: %q, and was fetched %d times besides", row.name, said, row.file.fetches.Load())
		}
		if slices.Sort(said); !slices.Equal(said, row.want) {
			t.Errorf("%s: %q, want %q", row.name, said, row.want)
		}
	}
	for _, f := range files[len(rows):] {
		if a := f.(*aheadRig); len(a.said) != 4 {
			t.Fatalf("one of many: %q", a.said)
		}
	}
}

// Once it is stopped, nothing more is begun, and what was is ended.
func TestFetchByRingStops(t *testing.T) {
	var stop atomic.Bool
	stop.Store(true)
	a := newAhead(t, 5)
	if fetchingEngine(t, 1, Config{}).Fetch([]Ahead{a}, &stop); len(a.said) > 0 {
		t.Errorf("%q", a.said)
	}
}

// Without a lane, a buffer or what the kernel must have for it, goroutines fetch.
func TestFetchWithoutRing(t *testing.T) {
	lacking := Config{seams: seams{probe: func() *uring.Report {
		p := uring.Probe()
		delete(p.Operations, "fgetxattr")
		return p
	}}}
	for _, row := range []struct {
		name string
		cfg  Config
		take func(*Engine) (back func())
	}{
		{"no operation", lacking, func(e *Engine) func() {
			if !strings.Contains(e.Rules().FetchWhy, "lacks fgetxattr") {
				t.Errorf("why: %s", e.Rules().FetchWhy)
			}
			return func() {}
		}},
		{"no buffer", Config{}, func(e *Engine) func() { return e.pool.TryGet().Release }},
		{"no lane", Config{Lanes: 1}, func(e *Engine) func() {
			lane := e.lanes.TryGet()
			return func() { lane.Run(func(*uring.Ring) {}) }
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			e, a := fetchingEngine(t, 1, row.cfg), newAhead(t, 5)
			back := row.take(e)
			a.cold = true
			if n := e.Fetch([]Ahead{a}, new(atomic.Bool)); n != 1 || a.fetches.Load() != 1 || len(a.said) > 0 {
				t.Errorf("%d cold, fetched %d times, %q", n, a.fetches.Load(), a.said)
			}
			back()
		})
	}
}
