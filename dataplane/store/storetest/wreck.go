package storetest

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/dataplane/store"
	"golang.org/x/sys/unix"
)

// Fate is what a power cut does to an effect that nothing had made durable.
type Fate int

// The fates of an effect. A disk writes whole sectors: of a torn write some are
// there, and where nothing was written before, zeros; all else is kept or lost.
const (
	Lost Fate = iota
	Torn
	Kept
)

// sectorBytes is what a disk writes or does not write, but never half.
const sectorBytes = 512

// Wreck is a device as a power cut left it.
type Wreck struct {
	dirs  []string
	files map[string]*remains
}

// remains are what is left of a file.
type remains struct {
	data   []byte
	xattrs map[string]string
}

// Crash rebuilds the device as it may be found when the power is cut after the
// first n events. fate decides over each effect that is not durable by then, by
// the number of its event.
func (j *Journal) Crash(n int, fate func(event int) Fate) *Wreck {
	j.mu.Lock()
	defer j.mu.Unlock()
	left := j.survivors(n, fate)
	names := maps.Clone(j.first)
	for i := range n {
		if left[i] == Lost {
			continue
		}
		e := &j.events[i]
		if e.unset != nil {
			delete(names, *e.unset)
		}
		if e.set != nil {
			names[*e.set] = e.inode
		}
	}
	w := &Wreck{files: map[string]*remains{}}
	j.walk(w, names, 0, "", func(i int) *remains { return j.remains(i, n, left) })
	return w
}

// survivors decides over each of the first n events.
func (j *Journal) survivors(n int, fate func(int) Fate) []Fate {
	left := make([]Fate, n)
	for i := range n {
		if j.durable(i, n) {
			left[i] = Kept
		} else {
			left[i] = fate(i)
		}
	}
	return left
}

// durable tells whether an fsync among the first n events promises event i.
func (j *Journal) durable(i, n int) bool {
	where := j.events[i].inode
	switch e := &j.events[i]; {
	case e.set != nil:
		where = e.set.dir
	case e.unset != nil:
		where = e.unset.dir
	}
	for k := max(i+1, j.forget); k < n; k++ {
		e := &j.events[k]
		if e.op.Call == store.CallSync && e.inode == where && i < e.covered {
			return true
		}
	}
	return false
}

// walk collects what can be reached by names.
func (j *Journal) walk(w *Wreck, names map[entry]int, dir int, path string, read func(int) *remains) {
	for at, i := range names {
		if at.dir != dir {
			continue
		}
		here := filepath.Join(path, at.name)
		if j.inodes[i].dir {
			w.dirs = append(w.dirs, here)
			j.walk(w, names, i, here, read)
			continue
		}
		w.files[here] = read(i)
	}
}

// remains plays the surviving changes of a file again.
func (j *Journal) remains(i, n int, left []Fate) *remains {
	r := &remains{data: slices.Clone(j.inodes[i].base), xattrs: maps.Clone(j.inodes[i].xattrs)}
	if r.xattrs == nil {
		r.xattrs = map[string]string{}
	}
	for k := range n {
		e := &j.events[k]
		if e.inode != i || left[k] == Lost {
			continue
		}
		switch e.op.Call {
		case store.CallWrite:
			r.write(e.op, left[k])
		case store.CallTruncate:
			r.resize(int(e.op.Offset))
		case store.CallSetxattr:
			r.xattrs[e.op.To] = string(e.op.Data)
		}
	}
	return r
}

func (r *remains) write(op store.Op, fate Fate) {
	end := int(op.Offset) + len(op.Data)
	if len(r.data) < end {
		r.resize(end)
	}
	data := op.Data
	if fate == Torn {
		data = data[:len(data)/2/sectorBytes*sectorBytes]
	}
	copy(r.data[op.Offset:], data)
}

func (r *remains) resize(size int) {
	if size <= len(r.data) {
		r.data = r.data[:size]
		return
	}
	r.data = append(r.data, make([]byte, size-len(r.data))...)
}

// Key is equal for wrecks that are.
func (w *Wreck) Key() string {
	var b strings.Builder
	for _, dir := range slices.Sorted(slices.Values(w.dirs)) {
		fmt.Fprintf(&b, "%s/\n", dir)
	}
	for _, path := range slices.Sorted(maps.Keys(w.files)) {
		r := w.files[path]
		fmt.Fprintf(&b, "%s %q", path, r.data)
		for _, name := range slices.Sorted(maps.Keys(r.xattrs)) {
			fmt.Fprintf(&b, " %s=%q", name, r.xattrs[name])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// String lists what there is, for a test's log.
func (w *Wreck) String() string {
	lines := slices.Clone(w.dirs)
	for path, r := range w.files {
		lines = append(lines, fmt.Sprintf("%s: %d bytes, %d xattrs", path, len(r.data), len(r.xattrs)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Build makes the wreck's files and directories in an empty directory.
func (w *Wreck) Build(device string) error {
	for _, dir := range w.dirs {
		if err := os.MkdirAll(filepath.Join(device, dir), 0o755); err != nil {
			return err
		}
	}
	for path, r := range w.files {
		path = filepath.Join(device, path)
		if err := os.WriteFile(path, r.data, 0o644); err != nil {
			return err
		}
		for name, value := range r.xattrs {
			if err := unix.Setxattr(path, name, []byte(value), 0); err != nil {
				return err
			}
		}
	}
	return nil
}
