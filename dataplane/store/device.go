package store

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// Errors of Store.Device.
var (
	ErrDeviceName = errors.New("not a device name")
	ErrUnmounted  = errors.New("not mounted")
	ErrSuspect    = errors.New("suspect after a failed fsync")
)

// Device is one disk, held open. It is meant for a session or a job, never
// longer: an open descriptor keeps the disk from being unmounted.
type Device struct {
	store *Store
	name  string
	root  *root
}

// ValidDeviceName refuses what can't name a directory below the devices
// directory, or what a URL would have to quote. Source: constraints.py,
// check_drive.
func ValidDeviceName(name string) error {
	bad := name == "" || name == "." || name == ".." || len(name) > 255
	for i := 0; i < len(name) && !bad; i++ {
		bad = !urlSafe(name[i])
	}
	if bad {
		return fmt.Errorf("device %.64q: %w", name, ErrDeviceName)
	}
	return nil
}

func urlSafe(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.' || c == '-' || c == '~'
}

// Device opens a device. It fails with ErrDeviceName, ErrUnmounted or
// ErrSuspect, each of which a peer is told as 507; any other error says nothing
// about the device.
func (s *Store) Device(name string) (*Device, error) {
	if err := ValidDeviceName(name); err != nil {
		return nil, err
	}
	path := s.cfg.Devices + "/" + name
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM):
		return nil, fmt.Errorf("device %s: open %s: %w", name, path, err)
	case err != nil:
		return nil, fmt.Errorf("device %s: %w: open %s: %w", name, ErrUnmounted, path, err)
	}
	d := &Device{store: s, name: name, root: &root{fd: fd, path: path, device: name, beneath: s.beneath, witness: s.cfg.Witness, files: &s.files}}
	if err := d.Present(); err != nil {
		d.Close()
		return nil, err
	}
	if reason := s.suspected(d); reason != "" {
		d.Close()
		return nil, fmt.Errorf("device %s: %w (%s); check the disk and mount it anew%s", name, ErrSuspect, reason, s.clearHint(name))
	}
	return d, nil
}

// Present fails with ErrUnmounted where the device's path no longer leads to what
// was opened: it has been unmounted behind our back, or something else has been
// mounted over it. With mount_check it must be a mount, too. What is looked at
// is the path after the descriptor: so it can't be the empty mount point that was
// opened, in the moment before the disk came or after it went.
func (d *Device) Present() error {
	var mine, there unix.Stat_t
	if err := unix.Fstat(d.root.fd, &mine); err != nil {
		return fmt.Errorf("device %s: fstat: %w", d.name, err)
	}
	if d.store.cfg.MountCheck && !isMount(d.root.path) {
		return fmt.Errorf("device %s: %w at %s", d.name, ErrUnmounted, d.root.path)
	}
	if err := unix.Stat(d.root.path, &there); err != nil {
		return fmt.Errorf("device %s: %w: stat %s: %w", d.name, ErrUnmounted, d.root.path, err)
	}
	if mine.Dev != there.Dev || mine.Ino != there.Ino {
		return fmt.Errorf("device %s: %w any more: %s leads elsewhere", d.name, ErrUnmounted, d.root.path)
	}
	return nil
}

// isMount tells a mounted device from an empty mount point. Source:
// utils/__init__.py, ismount_raw.
func isMount(path string) bool {
	stub := func() bool {
		var st unix.Stat_t
		return unix.Lstat(path+"/.ismount", &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFREG
	}
	var at, above unix.Stat_t
	if unix.Lstat(path, &at) != nil {
		return false
	}
	if at.Mode&unix.S_IFMT == unix.S_IFLNK {
		return stub()
	}
	if unix.Lstat(path+"/..", &above) != nil {
		return false
	}
	return at.Dev != above.Dev || at.Ino == above.Ino || stub()
}

// Name is the device's name in the ring.
func (d *Device) Name() string { return d.name }

// Close lets go of the device. Files opened through it stay open.
func (d *Device) Close() { d.root.close() }

// Partition names a partition of a policy. It may not exist; nothing is made
// before something is written or locked.
func (d *Device) Partition(p hashes.Policy, number uint32) *Partition {
	dir := p.DataDir() + "/" + strconv.FormatUint(uint64(number), 10)
	return &Partition{device: d, policy: p, number: number, dir: dir}
}

// Partitions lists the partitions of a policy that are on the device, in no
// order. Names that are no canonical number are not ours to touch.
func (d *Device) Partitions(p hashes.Policy) ([]uint32, error) {
	list, err := d.List(p)
	return list.Partitions, err
}

// ParsePartition reads a partition's number: canonical decimal, since any other
// spelling would be another directory.
func ParsePartition(name string) (uint32, error) {
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != name {
		return 0, fmt.Errorf("partition %.64q: not a canonical decimal number", name)
	}
	return uint32(n), nil
}
