package storetest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"github.com/ringsync/ringsync/dataplane/store"
	"golang.org/x/sys/unix"
)

// Journal is a Witness that records what the calls on one device do, so that
// the device can be rebuilt as a power cut may have left it, after any prefix of
// the calls. The rules of durability are POSIX's, no better:
//
//	fsync of a file       makes the bytes and xattrs durable that it had when the
//	                      fsync began; not its name
//	fsync of a directory  makes the names durable that had been made and removed in
//	                      it when the fsync began; not its own name above
//	rename                is atomic: both names change or neither does; it is
//	                      durable with the directory that it leads to
//	anything else         may be there or not, each effect by itself, in any order;
//	                      of a write perhaps only some whole sectors
//	a failed fsync        promises nothing
//
// What a journalling file system would give beyond that (ext4 and XFS keep
// changes of names in order) nobody may rely on.
//
// All calls that change or look up names pass one after the other, so that the
// record has the order in which they happened. fsyncs run side by side, and writes
// of bodies do: their begin and end are apart, and a write counts from its end.
type Journal struct {
	mu     sync.Mutex
	paused bool
	inodes []*inode
	first  map[entry]int  // the names that were there when the record began
	names  map[entry]int  // and those of now
	files  map[uint64]int // open files
	events []event
	begun  map[uint64]int // fsyncs under way: how many events they cover
	forget int            // fsyncs that ended before this event do not count
}

// inode is a file or directory; number 0 is the device's directory.
type inode struct {
	dir    bool
	base   []byte            // of a file: what was there before the record began
	xattrs map[string]string // the same
}

// entry is a name in a directory.
type entry struct {
	dir  int
	name string
}

// event is one thing that happened: a change of a file, a change of names, or an
// fsync that has ended.
type event struct {
	op      store.Op
	inode   int // changed, named, or synced
	set     *entry
	unset   *entry
	covered int // of an fsync: the events before this one
}

// NewJournal returns a journal that records nothing before Start.
func NewJournal() *Journal { return &Journal{paused: true} }

// Start takes what lies in the device's directory for durable and records from
// here on.
func (j *Journal) Start(device string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.reset()
	err := filepath.WalkDir(device, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == device {
			return err
		}
		at, err := j.entryOf(strings.TrimPrefix(path, device+"/"))
		if err != nil {
			return err
		}
		i := &inode{dir: d.IsDir()}
		j.names[at] = j.add(i)
		if i.dir {
			return nil
		}
		if i.base, err = os.ReadFile(path); err != nil {
			return err
		}
		i.xattrs, err = readXattrs(path)
		return err
	})
	j.first = maps.Clone(j.names)
	j.paused = false
	return err
}

func (j *Journal) reset() {
	j.inodes, j.names, j.files, j.begun = nil, map[entry]int{}, map[uint64]int{}, map[uint64]int{}
	j.events, j.forget = nil, 0
	j.add(&inode{dir: true})
}

func (j *Journal) add(i *inode) int {
	j.inodes = append(j.inodes, i)
	return len(j.inodes) - 1
}

// readXattrs reads all of a file's user attributes.
func readXattrs(path string) (map[string]string, error) {
	list := make([]byte, 64<<10)
	n, err := unix.Llistxattr(path, list)
	if err != nil {
		return nil, err
	}
	attrs := map[string]string{}
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(string(list[:n]), "\x00") {
		if !strings.HasPrefix(name, "user.") {
			continue
		}
		n, err := unix.Lgetxattr(path, name, value)
		if err != nil {
			return nil, err
		}
		attrs[name] = string(value[:n])
	}
	return attrs, nil
}

// Pause stops recording.
func (j *Journal) Pause() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.paused = true
}

// Len is the number of events so far.
func (j *Journal) Len() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.events)
}

// Forget takes all fsyncs since Start for not made: they were somebody's who has
// not come to them yet.
func (j *Journal) Forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.forget = len(j.events)
}

// serial tells the calls that hold the journal from Before to After.
func serial(op *store.Op) bool {
	switch op.Call {
	case store.CallCreate, store.CallTemp, store.CallOpen, store.CallMkdir, store.CallLink, store.CallRename,
		store.CallUnlink, store.CallRmdir, store.CallTruncate, store.CallSetxattr:
		return true
	}
	return false
}

// Before implements store.Witness.
func (j *Journal) Before(op *store.Op) error {
	switch {
	case serial(op):
		j.mu.Lock()
	case op.Call == store.CallSync:
		j.mu.Lock()
		defer j.mu.Unlock()
		if !j.paused {
			j.begun[op.File] = len(j.events)
		}
	}
	return nil
}

// After implements store.Witness.
func (j *Journal) After(op *store.Op, err error) {
	switch {
	case serial(op):
		defer j.mu.Unlock()
	case op.Call == store.CallSync, op.Call == store.CallWrite:
		j.mu.Lock()
		defer j.mu.Unlock()
	default:
		return
	}
	if err == nil && !j.paused {
		j.record(*op)
	}
}

// record notes what a call did. A record that can't be understood would prove
// nothing, so it panics.
func (j *Journal) record(op store.Op) {
	op.Data = append([]byte(nil), op.Data...)
	e := event{op: op}
	switch op.Call {
	case store.CallSync:
		e.inode, e.covered = j.file(op), j.begun[op.File]
	case store.CallWrite, store.CallTruncate, store.CallSetxattr:
		e.inode = j.file(op)
	case store.CallOpen:
		j.files[op.File] = j.lookup(op.Path)
		return
	case store.CallTemp:
		j.files[op.File] = j.add(&inode{})
		return
	case store.CallCreate:
		if i, there := j.names[j.at(op.Path)]; there {
			j.files[op.File] = i
			return
		}
		e.inode = j.add(&inode{})
		j.files[op.File] = e.inode
		e.set = j.name(op.Path, e.inode)
	case store.CallMkdir:
		e.inode = j.add(&inode{dir: true})
		e.set = j.name(op.Path, e.inode)
	case store.CallLink:
		e.inode = j.file(op)
		e.set = j.name(op.To, e.inode)
	case store.CallRename:
		e.unset, e.inode = j.unname(op.Path)
		e.set = j.name(op.To, e.inode)
	case store.CallUnlink, store.CallRmdir:
		e.unset, e.inode = j.unname(op.Path)
	}
	j.events = append(j.events, e)
}

func (j *Journal) file(op store.Op) int {
	i, known := j.files[op.File]
	if !known {
		panic(fmt.Sprintf("journal: %s of file %d (%s), which nobody opened", op.Call, op.File, op.Path))
	}
	return i
}

func (j *Journal) name(path string, i int) *entry {
	at := j.at(path)
	j.names[at] = i
	return &at
}

func (j *Journal) unname(path string) (*entry, int) {
	at, i := j.at(path), j.lookup(path)
	delete(j.names, at)
	return &at, i
}

func (j *Journal) at(path string) entry {
	at, err := j.entryOf(path)
	if err != nil {
		panic("journal: " + err.Error())
	}
	return at
}

var errUnknownName = errors.New("a name that nobody made")

// entryOf walks to the directory that a path's last name is in.
func (j *Journal) entryOf(name string) (entry, error) {
	dir := 0
	above, last := path.Split(path.Clean(name))
	for step := range strings.SplitSeq(strings.Trim(above, "/"), "/") {
		if step == "" {
			continue
		}
		next, known := j.names[entry{dir, step}]
		if !known {
			return entry{}, fmt.Errorf("%s: %w", name, errUnknownName)
		}
		dir = next
	}
	return entry{dir, last}, nil
}

func (j *Journal) lookup(name string) int {
	if path.Clean(name) == "." {
		return 0
	}
	i, known := j.names[j.at(name)]
	if !known {
		panic(fmt.Sprintf("journal: %s: %v", name, errUnknownName))
	}
	return i
}
