package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// Config says where the devices are and how they are treated. The zero value of
// a field means its default; keys of object-server.conf are named where one
// stands behind a field.
type Config struct {
	Devices           string           // devices; required
	Cluster           *hashes.Cluster  // swift.conf; required
	MountCheck        bool             // mount_check
	ReclaimAge        time.Duration    // reclaim_age; default one week
	Reserve           Reserve          // fallocate_reserve; default none
	DisableAllocate   bool             // disable_fallocate: neither reserve nor preallocation
	DirectFrom        int64            // bytes from which a body is written past the page cache; default 4 MiB, negative: never
	CommitWorkers     int              // calls of one group side by side; default 32
	StateDir          string           // remembers suspect devices over a restart; default: memory only
	FreshFor          time.Duration    // an unsynced name may be that young (decision of Local); default two minutes
	QuarantinesPerMin int              // quarantines a minute and device before it stops; default 10
	Witness           Witness          // tests only
	Now               func() time.Time // tests only; default time.Now
	Notice            func(Notice)     // what an operator should know; called from any goroutine
}

// Notice is something that happened to a device and that no caller asked about:
// a quarantine, a device turned suspect. The text names the thing.
type Notice struct {
	Kind      NoticeKind
	Device    string
	Partition *Partition // where it happened; nil: to the device as a whole
	Text      string
}

// NoticeKind is a word for a log line and for who counts.
type NoticeKind string

// The kinds of notices.
const (
	NoticeQuarantined    NoticeKind = "quarantined"     // put away
	NoticeNotQuarantined NoticeKind = "not_quarantined" // to be put away, but it could not be
	NoticeSuspect        NoticeKind = "suspect"         // the device is refused from now on
	NoticeUnhashed       NoticeKind = "unhashed"        // a suffix could not be read
)

const (
	defaultReclaimAge    = 7 * 24 * time.Hour
	defaultDirectFrom    = 4 << 20
	defaultCommitWorkers = 32
	defaultFreshFor      = 2 * time.Minute
	defaultQuarantines   = 10
)

// Store opens the devices below one directory.
type Store struct {
	cfg     Config
	beneath bool          // the kernel can keep paths below a device
	files   atomic.Uint64 // numbers open files for a Witness
	blind   atomic.Bool   // a file system can't tell what of a file is in the page cache

	mu       sync.Mutex
	suspects map[string]*suspicion
	breakers map[string]*breaker
}

// New checks cfg and returns a store over it. No device needs to be there yet.
func New(cfg Config) (*Store, error) {
	if cfg.Devices == "" || cfg.Cluster == nil {
		return nil, errors.New("store: a devices directory and a cluster (swift.conf) are needed")
	}
	abs, err := filepath.Abs(cfg.Devices)
	if err != nil {
		return nil, fmt.Errorf("store: devices directory %q: %w", cfg.Devices, err)
	}
	cfg.Devices = abs
	setDefault(&cfg.ReclaimAge, defaultReclaimAge)
	setDefault(&cfg.DirectFrom, defaultDirectFrom)
	setDefault(&cfg.CommitWorkers, defaultCommitWorkers)
	setDefault(&cfg.FreshFor, defaultFreshFor)
	setDefault(&cfg.QuarantinesPerMin, defaultQuarantines)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Notice == nil {
		cfg.Notice = func(Notice) {}
	}
	return &Store{cfg: cfg, beneath: canBeneath(), suspects: map[string]*suspicion{}, breakers: map[string]*breaker{}}, nil
}

func setDefault[T int | int64 | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// Cluster is what swift.conf said.
func (s *Store) Cluster() *hashes.Cluster { return s.cfg.Cluster }

// Devices is the absolute path of the devices directory.
func (s *Store) Devices() string { return s.cfg.Devices }

// DeviceNames lists what lies in the devices directory and could be a device,
// mounted or not.
func (s *Store) DeviceNames() ([]string, error) {
	names, err := readNames(s.cfg.Devices)
	if err != nil {
		return nil, err
	}
	var devices []string
	for _, name := range names {
		if ValidDeviceName(name) == nil {
			devices = append(devices, name)
		}
	}
	return devices, nil
}

// readNames lists a directory that belongs to no device.
func readNames(path string) ([]string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	f := &file{root: &root{path: path}, fd: fd}
	defer f.close()
	return f.names()
}

// blocks are the buffers that directories are read into.
var blocks = sync.Pool{New: func() any { b := make([]byte, dirBlock); return &b }}

func getBlock() *[]byte  { return blocks.Get().(*[]byte) }
func putBlock(b *[]byte) { blocks.Put(b) }
