package doctor

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/ringsync/ringsync/dataplane/store"
	"golang.org/x/sys/unix"
)

// Device is one directory of the devices directory.
type Device struct {
	Name       string   `json:"name"`
	Path       string   `json:"path"`
	Mounted    bool     `json:"mounted"`
	FileSystem string   `json:"file_system,omitempty"`
	Source     string   `json:"source,omitempty"`
	Options    string   `json:"options,omitempty"`
	Bytes      uint64   `json:"bytes"`
	Free       uint64   `json:"free"` // for objects, without what is kept for root
	Inodes     uint64   `json:"inodes_free"`
	Data       []string `json:"data,omitempty"` // objects, objects-1 …
	Suspect    string   `json:"suspect,omitempty"`
	Mark       string   `json:"mark,omitempty"` // the file that remembers it
	Probe      *Probe   `json:"probe,omitempty"`
	Paths      []Path   `json:"paths,omitempty"` // of bodies; those of O_DIRECT if it was not probed
	Remarks    []string `json:"remarks,omitempty"`
	Problems   []string `json:"problems,omitempty"`
}

func (d *Device) problem(format string, args ...any) {
	d.Problems = append(d.Problems, fmt.Sprintf(format, args...))
}

func (d *Device) remark(format string, args ...any) {
	d.Remarks = append(d.Remarks, fmt.Sprintf(format, args...))
}

// patiently gives a device some time. Who hangs in the kernel can't be called
// back, so nobody waits for him: the command ends, and he with it.
func patiently(patience time.Duration, d Device, examine func(Device) Device) Device {
	done := make(chan Device, 1)
	go func(d Device) { done <- examine(d) }(d)
	select {
	case d := <-done:
		return d
	case <-time.After(patience):
		d.problem("it does not answer within %v: the disk or its driver hangs", patience)
		return d
	}
}

// examine looks at one device. Its mark is not on it, and can be read whatever
// has become of the disk.
func (cfg *Config) examine(d Device) Device {
	d.readMark(cfg.Store)
	st, err := os.Stat(d.Path)
	if err != nil {
		d.problem("%v", err)
		return d
	}
	if !st.IsDir() {
		d.remark("no directory, so no device")
		return d
	}
	d.Mounted = store.IsMount(d.Path)
	if !d.Mounted && cfg.MountCheck {
		d.problem("not mounted: peers are told 507")
		return d
	}
	d.readMount()
	d.readRoom()
	d.readData()
	if cfg.Probe {
		d.probe()
	}
	if cfg.paths != nil {
		d.Paths = cfg.paths(d.Probe == nil || d.Probe.Direct)
	}
	return d
}

func (d *Device) readMark(s *store.Store) {
	mark, marked, err := s.Mark(d.Name)
	switch {
	case err != nil:
		d.problem("suspect mark: %v", err)
	case marked && mark.Stale:
		d.remark("it was suspect before it was mounted anew: %s", mark.Reason)
	case marked:
		d.Suspect, d.Mark = mark.Reason, mark.Path
		d.problem("suspect, peers are told 507: %s", mark.Reason)
	}
}

// readMount tells what is mounted there. Source of the formats: proc(5).
func (d *Device) readMount() {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, d.Path, 0, unix.STATX_MNT_ID, &st); err != nil {
		d.remark("mount: %v", err)
		return
	}
	text, err := readMountinfo()
	if err != nil {
		d.remark("mount: %v", err)
		return
	}
	mounts := parseMountinfo(text)
	i := slices.IndexFunc(mounts, func(m mount) bool { return m.id == st.Mnt_id })
	if i < 0 {
		return
	}
	m := mounts[i]
	d.FileSystem, d.Source, d.Options = m.fileSystem, m.source, m.options
	for option := range strings.SplitSeq(m.options, ",") {
		switch option {
		case "ro":
			d.problem("mounted read-only")
		case "nobarrier", "barrier=0":
			d.problem("mounted with %s: what has been fsynced may be lost when the power fails", option)
		}
	}
}

func (d *Device) readRoom() {
	var st unix.Statfs_t
	if err := unix.Statfs(d.Path, &st); err != nil {
		d.problem("statfs: %v", err)
		return
	}
	block := uint64(st.Frsize)
	d.Bytes, d.Free, d.Inodes = block*st.Blocks, block*st.Bavail, st.Ffree
}

// readData lists the data directories of policies, and what a policy that
// swift.conf does not know has left.
func (d *Device) readData() {
	f, err := os.Open(d.Path)
	if err != nil {
		d.problem("%v", err)
		return
	}
	defer f.Close()
	names, err := f.Readdirnames(1000)
	for _, name := range names {
		if name == "objects" || strings.HasPrefix(name, "objects-") {
			d.Data = append(d.Data, name)
		}
	}
	slices.Sort(d.Data)
	if err != nil && err != io.EOF {
		d.problem("%v", err)
	}
}

// Clear takes a device's suspect mark away, and says what it took.
func Clear(s *store.Store, device string) (store.Mark, error) {
	mark, marked, err := s.Mark(device)
	if err != nil {
		return mark, err
	}
	if !marked {
		return mark, fmt.Errorf("device %s has no suspect mark (%s would be it; are --devices and --state-dir those of ringsyncd?)", device, mark.Path)
	}
	return mark, s.Clear(device)
}
