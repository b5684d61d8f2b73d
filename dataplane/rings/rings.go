// Package rings keeps the rings of a node's policies at hand, as their files say
// now. A ring that was handed out does not change: when its file does, the next
// who asks gets another, and who wants to know whether there is one compares the
// two. It must not know what rings are good for.
//
//	<swift_dir>/object.ring.gz     policy 0
//	<swift_dir>/object-1.ring.gz   policy 1
//
// A file is looked at when somebody asks for its ring, at most every
// ring_check_interval; it is read when it is another file or of another time. One
// that cannot be read, or is gone, leaves the ring that was there before in use.
package rings

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
	"golang.org/x/sys/unix"
)

// Config says where rings are.
type Config struct {
	SwiftDir string
	Policies []hashes.Policy // of swift.conf
	Log      *slog.Logger

	// CheckInterval is how long a look at a file holds: ring_check_interval; 15 s.
	// Source: swift/common/ring/ring.py, DEFAULT_RELOAD_TIME.
	CheckInterval time.Duration
}

const defaultCheckInterval = 15 * time.Second

// Set is the rings of all policies. Any number of goroutines may ask it.
type Set struct {
	files []*file // in the order of Config.Policies
}

// file is a ring file, and what came of it.
type file struct {
	log      *slog.Logger
	interval time.Duration
	state    atomic.Pointer[State]

	looking sync.Mutex  // held by the one who looks; nobody waits for him
	looked  time.Time   // when; zero: never
	seen    fs.FileInfo // of the file that State.Ring was read from
}

// New reads all rings. One that cannot be read is no error here: see State.
func New(cfg Config) (*Set, error) {
	if cfg.Log == nil || cfg.SwiftDir == "" {
		return nil, errors.New("rings: a set needs a directory and a log")
	}
	if cfg.CheckInterval == 0 {
		cfg.CheckInterval = defaultCheckInterval
	}
	s := new(Set)
	for _, p := range cfg.Policies {
		f := &file{log: cfg.Log.With("policy", p.Index), interval: cfg.CheckInterval}
		f.state.Store(&State{Policy: p, Path: filepath.Join(cfg.SwiftDir, p.RingName()+".ring.gz")})
		f.look()
		s.files = append(s.files, f)
	}
	return s, nil
}

// State returns what there is for a policy, and whether there is such a policy.
// If it is time for a look at the file and nobody else is at it, it reads the
// file.
func (s *Set) State(policy int) (State, bool) {
	for _, f := range s.files {
		if f.state.Load().Policy.Index == policy {
			return f.look(), true
		}
	}
	return State{}, false
}

// Ring returns the ring of a policy; see State.
func (s *Set) Ring(policy int) (*ring.Ring, error) {
	state, ok := s.State(policy)
	switch {
	case !ok:
		return nil, fmt.Errorf("rings: there is no policy %d", policy)
	case state.Ring == nil:
		return nil, state.Err
	}
	return state.Ring, nil
}

// States returns State of all policies.
func (s *Set) States() []State {
	states := make([]State, 0, len(s.files))
	for _, f := range s.files {
		states = append(states, f.look())
	}
	return states
}

func (f *file) look() State {
	if f.looking.TryLock() {
		if f.looked.IsZero() || time.Since(f.looked) >= f.interval {
			f.refresh()
			f.looked = time.Now()
		}
		f.looking.Unlock()
	}
	return *f.state.Load()
}

// refresh brings the state up to date with the file.
func (f *file) refresh() {
	old := f.state.Load()
	info, err := os.Stat(old.Path)
	if err == nil && f.isSeen(info) {
		if old.Err != nil {
			f.log.Info("the ring in use is back", "path", old.Path)
			f.store(*old, old.Ring, nil)
		}
		return
	}
	r, info, err := readFile(old.Path)
	if err != nil {
		f.complain(old, err)
		f.store(*old, old.Ring, err)
		return
	}
	f.seen = info
	f.store(*old, r, nil)
	f.tell(old, r)
}

func (f *file) store(s State, r *ring.Ring, err error) {
	s.Ring, s.Err = r, err
	f.state.Store(&s)
}

// isSeen tells whether a file is the one that the ring was read from. Swift looks
// at the time alone, and misses a file that was moved into place with an old one.
func (f *file) isSeen(info fs.FileInfo) bool {
	return f.seen != nil && os.SameFile(f.seen, info) && f.seen.ModTime().Equal(info.ModTime()) && f.seen.Size() == info.Size()
}

// readFile reads a ring. What it says of the file is of before it was read: who
// writes meanwhile changes the time, and it is read again.
func readFile(path string) (*ring.Ring, fs.FileInfo, error) {
	// A FIFO in its place must not hold us up.
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, fmt.Errorf("%s: not a file", path)
	}
	r, err := ring.Read(f)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, info, nil
}

// complain says once why a file is not used.
func (f *file) complain(old *State, err error) {
	switch {
	case old.Err != nil && old.Err.Error() == err.Error():
	case old.Ring != nil:
		f.log.Error("a ring cannot be read; the one of before stays in use", "version", old.Ring.Version(), "error", err)
	default:
		f.log.Error("a ring cannot be read", "error", err)
	}
}

// tell says which ring is in use from now on.
func (f *file) tell(old *State, r *ring.Ring) {
	log := f.log
	if next, ok := r.NextPartPower(); ok {
		log = log.With("next_part_power", next)
	}
	log.Info("ring read", "path", old.Path, "version", r.Version(), "part_power", r.PartPower(), "replicas", r.Replicas(), "devices", len(r.Devices()))
}
