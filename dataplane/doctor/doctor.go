package doctor

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ringsync/ringsync/dataplane/budget"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// Config says what is looked at.
type Config struct {
	Store      *store.Store // over the devices and the state directory; required
	Cluster    *hashes.Cluster
	StateDir   string
	MountCheck bool          // mount_check
	Engine     string        // as ringsyncd's --engine
	Tuning     engine.Config // as ringsyncd's other flags say
	Budget     budget.Config // the same; the devices are counted here
	Probe      bool          // write a file to each device
	Patience   time.Duration // with a device; 10 s

	paths func(direct bool) []Path // nil: there is no engine
}

const defaultPatience = 10 * time.Second

// Report is what was found. Problems keep something from working; each names the
// thing.
type Report struct {
	Kernel   string        `json:"kernel"`
	Go       string        `json:"go"`
	Engine   string        `json:"engine,omitempty"`
	Why      string        `json:"engine_why,omitempty"`
	Rings    Rings         `json:"io_uring"`
	Limits   []Limit       `json:"limits"`
	Memory   budget.Budget `json:"memory"`
	Paths    []Path        `json:"paths,omitempty"` // of bodies on a device that takes O_DIRECT
	Policies []Policy      `json:"policies"`
	State    State         `json:"state_dir"`
	Devices  []Device      `json:"devices"`
	Problems []string      `json:"problems,omitempty"`
}

// Limit is one of the process's resource limits.
type Limit struct {
	Name   string `json:"name"`
	Soft   uint64 `json:"soft"` // math.MaxUint64: none
	Hard   uint64 `json:"hard"`
	Remark string `json:"remark,omitempty"`
}

// Policy is a storage policy of swift.conf.
type Policy struct {
	Index  int    `json:"index"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Served bool   `json:"served"` // by ringsyncd itself
}

// State is the state directory.
type State struct {
	Path  string `json:"path"`
	Error string `json:"error,omitempty"` // why nothing can be remembered there
}

// Examine looks at everything. An error means that there was nothing to look at.
func Examine(cfg Config) (*Report, error) {
	if cfg.Patience == 0 {
		cfg.Patience = defaultPatience
	}
	names, err := cfg.Store.DeviceNames()
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	r := &Report{Kernel: kernel(), Go: runtime.Version(), Limits: limits(), Devices: []Device{}, Policies: []Policy{}}
	cfg.Tuning.Name = cfg.Engine
	rules, err := engine.NewRules(cfg.Tuning)
	if err != nil {
		r.Problems = append(r.Problems, err.Error())
	} else {
		cfg.paths = func(direct bool) []Path { return paths(rules, rules.DirectFrom, direct) }
		r.Paths = cfg.paths(true)
	}
	r.Engine, r.Why, r.Rings = string(rules.Engine), rules.Why, rings(rules)
	cfg.Budget.Devices, cfg.Budget.NoRings = len(names), rules.Engine != engine.Uring
	r.Memory = budget.Of(cfg.Budget)
	for _, p := range cfg.Cluster.Policies {
		r.Policies = append(r.Policies, Policy{p.Index, p.Name, p.Kind.String(), p.Kind == hashes.Replication})
	}
	r.State = stateOf(cfg.StateDir)
	for _, name := range names {
		d := patiently(cfg.Patience, Device{Name: name, Path: filepath.Join(cfg.Store.Devices(), name)}, cfg.examine)
		r.Devices = append(r.Devices, d)
		for _, text := range d.Problems {
			r.Problems = append(r.Problems, "device "+d.Name+": "+text)
		}
	}
	if len(names) == 0 {
		r.Problems = append(r.Problems, "no device in "+cfg.Store.Devices())
	}
	return r, nil
}

func kernel() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown: " + err.Error()
	}
	text := func(b []byte) string { return unix.ByteSliceToString(b) }
	return strings.Join([]string{text(u.Sysname[:]), text(u.Release[:]), text(u.Machine[:])}, " ")
}

// enoughFiles is what ringsyncd's default of 1,024 clients may have open: a
// socket, a device and two locks each, and the files of a group of 256 in each
// of a few dozen sessions that commit.
const enoughFiles = 16384

// enoughMemory is what registered buffers take: 64 of 1 MiB and a page.
const enoughMemory = 64 * (1<<20 + 4<<10)

func limits() []Limit {
	list := []Limit{{Name: "NOFILE"}, {Name: "MEMLOCK"}}
	for i, resource := range []int{unix.RLIMIT_NOFILE, unix.RLIMIT_MEMLOCK} {
		var limit unix.Rlimit
		if err := unix.Getrlimit(resource, &limit); err != nil {
			list[i].Remark = err.Error()
			continue
		}
		list[i].Soft, list[i].Hard = limit.Cur, limit.Max
	}
	if files := &list[0]; files.Hard < enoughFiles {
		files.Remark = fmt.Sprintf("1,024 clients at once may need %d: raise it (LimitNOFILE= of systemd) or lower --max-clients", enoughFiles)
	}
	if memory := &list[1]; memory.Soft < enoughMemory {
		memory.Remark = fmt.Sprintf("64 buffers take %d, in each lane's ring: with io_uring they stay unregistered below that, for a few percent more CPU (LimitMEMLOCK= of systemd)", enoughMemory)
	}
	return list
}

// stateOf tells whether a mark could be kept; the directory is made by ringsyncd.
func stateOf(dir string) State {
	s := State{Path: dir}
	switch {
	case dir == "":
		s.Error = "none: a suspect device is forgotten at a restart"
		return s
	case unix.Access(dir, unix.W_OK|unix.X_OK) == nil:
		return s
	}
	if _, err := os.Stat(dir); err == nil {
		s.Error = "not writable for this user"
	} else if parent := filepath.Dir(dir); unix.Access(parent, unix.W_OK|unix.X_OK) != nil {
		s.Error = "not there, and can't be made by this user"
	}
	return s
}
