package rings_test

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/rings"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring/ringtest"
)

// always makes each look go to the file.
const always = time.Nanosecond

func policies() []hashes.Policy {
	return []hashes.Policy{{Index: 0, Name: "gold"}, {Index: 1, Name: "ec", Kind: hashes.ErasureCoding, Fragments: 3}, {Index: 7, Name: "lost"}}
}

// set is a set over a directory, with what it logs.
func set(t *testing.T, dir string, interval time.Duration) (*rings.Set, *bytes.Buffer) {
	t.Helper()
	log := new(bytes.Buffer)
	s, err := rings.New(rings.Config{SwiftDir: dir, Policies: policies(), CheckInterval: interval, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return s, log
}

// version is a ring file of two partitions with that version.
func version(t *testing.T, number int) []byte {
	return ringtest.Encode(t, ringtest.Devices(3), ringtest.Rows(1, 2, 3), map[string]any{"version": number})
}

// A set hands out the same ring until the file is another one, keeps it while the
// file is no ring or gone, and says each of these once.
func TestReload(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "object.ring.gz")
	ringtest.Write(t, path, version(t, 1))
	s, log := set(t, dir, always)
	first, err := s.Ring(0)
	if err != nil || first.Version() != 1 {
		t.Fatal(first, err)
	}
	if again, _ := s.Ring(0); again != first {
		t.Error("read again, though it is the same file")
	}

	// An old time, as after mv or rsync --times, does not hide another file.
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	ringtest.Write(t, path, version(t, 2))
	if err := os.Chtimes(path, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	second, err := s.Ring(0)
	if err != nil || second.Version() != 2 || first.Version() != 1 {
		t.Fatal(second, err)
	}

	// cut is a file that somebody is still copying.
	cut := version(t, 3)
	if err := os.WriteFile(path, cut[:len(cut)-5], 0o644); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		state, _ := s.State(0)
		if state.Ring != second || state.Err == nil || state.Refusal() != nil {
			t.Fatalf("a file that is cut short: %+v", state)
		}
	}
	if n := strings.Count(log.String(), "of before stays in use"); n != 1 {
		t.Errorf("said %d times: %s", n, log)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if state, _ := s.State(0); state.Ring != second || !errors.Is(state.Err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %+v", state)
	}

	ringtest.Write(t, path, cut)
	if state, _ := s.State(0); state.Err != nil || state.Ring.Version() != 3 {
		t.Errorf("a file that is there again: %+v", state)
	}
	for number, times := range map[string]int{"version=1": 1, "version=2": 3, "version=3": 1} {
		if n := strings.Count(log.String(), number); n != times {
			t.Errorf("%s is named %d times, want %d: %s", number, n, times, log)
		}
	}
}

// Moved away and back, a file gives the same ring: nobody's work is cut for it.
func TestBackAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "object.ring.gz")
	ringtest.Write(t, path, version(t, 1))
	s, log := set(t, dir, always)
	before, _ := s.Ring(0)
	for _, way := range [][2]string{{path, path + "x"}, {path + "x", path}} {
		if err := os.Rename(way[0], way[1]); err != nil {
			t.Fatal(err)
		}
		if after, err := s.Ring(0); after != before || err != nil {
			t.Errorf("another ring: %v", err)
		}
	}
	if state, _ := s.State(0); state.Err != nil || !strings.Contains(log.String(), "is back") {
		t.Errorf("%v: %s", state.Err, log)
	}
}

// Within the interval nobody looks at the file.
func TestInterval(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "object.ring.gz")
	ringtest.Write(t, path, version(t, 1))
	s, _ := set(t, dir, time.Hour)
	ringtest.Write(t, path, version(t, 2))
	if r, err := s.Ring(0); err != nil || r.Version() != 1 {
		t.Error(r.Version(), err)
	}
}

// Policies that are not to be replicated say why: erasure coded, no ring, a
// partition power on its way up.
func TestRefusal(t *testing.T) {
	dir := t.TempDir()
	for name, more := range map[string]map[string]any{"object": {"next_part_power": 2}, "object-1": nil} {
		ringtest.Write(t, filepath.Join(dir, name+".ring.gz"), ringtest.Encode(t, ringtest.Devices(3), ringtest.Rows(1, 3, 3), more))
	}
	s, log := set(t, dir, always)
	states := s.States()
	if len(states) != 3 {
		t.Fatalf("%+v", states)
	}
	var raised *rings.PartPowerError
	if err := states[0].Refusal(); !errors.As(err, &raised) || *raised != (rings.PartPowerError{From: 1, To: 2}) || !strings.Contains(err.Error(), "from 1 to 2") {
		t.Error(err)
	}
	if err := states[1].Refusal(); !errors.Is(err, rings.ErrErasureCoded) || states[1].Ring == nil {
		t.Error(err)
	}
	if err := states[2].Refusal(); !errors.Is(err, fs.ErrNotExist) || states[2].Ring != nil {
		t.Error(err)
	}
	if _, err := s.Ring(7); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := s.Ring(2); err == nil || !strings.Contains(err.Error(), "no policy 2") {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "next_part_power=2") {
		t.Error(log)
	}

	// Raised, and not yet cleaned up.
	ringtest.Write(t, states[0].Path, ringtest.Encode(t, ringtest.Devices(3), ringtest.Rows(2, 3, 3), map[string]any{"next_part_power": 2}))
	if state, _ := s.State(0); state.Refusal() == nil || !strings.Contains(state.Refusal().Error(), "not finished") {
		t.Error(state.Refusal())
	}
	ringtest.Write(t, states[0].Path, ringtest.Encode(t, ringtest.Devices(3), ringtest.Rows(2, 3, 3), nil))
	if state, _ := s.State(0); state.Refusal() != nil {
		t.Error(state.Refusal())
	}
}

// Many may ask at once, while the file changes.
func TestMany(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "object.ring.gz")
	ringtest.Write(t, path, version(t, 1))
	s, _ := set(t, dir, always)
	done := make(chan error, 4)
	for range cap(done) {
		go func() {
			for range 100 {
				if _, err := s.Ring(0); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for number := range 20 {
		ringtest.Write(t, path, version(t, number))
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
