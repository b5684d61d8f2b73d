package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A device whose fsync failed has lost data that somebody may believe to be
// there, and the kernel won't say so twice. It is suspect: no session is
// accepted on it and nothing is offered from it, until it has been mounted anew
// or an operator removes the mark. The mark is kept in Config.StateDir under the
// number of the mount, so that it outlives the process, but not the mount.

type suspicion struct {
	mount  uint64
	reason string
	kept   bool // in the state directory
}

// suspect marks the device if err is a failed fsync, or the start of one, and
// returns err, wrapped then. A full disk or quota refuses an object and marks nothing.
func (d *Device) suspect(err error) error {
	var call *fs.PathError
	if !errors.As(err, &call) || call.Op != string(CallSync) && call.Op != string(CallStart) || noSpace(err) {
		return err
	}
	d.store.mark(d, err.Error())
	return fmt.Errorf("device %s is suspect now: %w", d.name, err)
}

func (s *Store) mark(d *Device, reason string) {
	mark := &suspicion{mount: d.mount(), reason: reason} // asked of the disk, and so without the lock
	s.mu.Lock()
	known := s.suspects[d.name] != nil
	s.suspects[d.name] = mark
	s.mu.Unlock()
	if known {
		return
	}
	text := "suspect, refused from now on: " + reason
	if err := s.keepMark(d.name, mark); err != nil {
		text += "; this process alone remembers it: " + err.Error()
	}
	s.cfg.Notice(Notice{Kind: NoticeSuspect, Device: d.name, Text: text})
}

// suspected returns why the device is suspect, or nothing.
func (s *Store) suspected(d *Device) string {
	s.mu.Lock()
	var mark suspicion
	if known := s.suspects[d.name]; known != nil {
		mark = *known
	}
	s.mu.Unlock()
	if mark.reason == "" {
		mark = s.readMark(d.name)
	}
	if mark.reason == "" {
		return ""
	}
	if mark.mount != d.mount() || mark.kept && s.markRemoved(d.name) {
		s.Clear(d.name)
		return ""
	}
	return mark.reason
}

// Clear forgets that a device was suspect.
func (s *Store) Clear(device string) error {
	s.mu.Lock()
	delete(s.suspects, device)
	s.mu.Unlock()
	if s.cfg.StateDir == "" {
		return nil
	}
	if err := os.Remove(s.markPath(device)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// mount numbers the mount that the device is. The kernel does not use a number
// again before it has to; 0 where it can't tell.
func (d *Device) mount() uint64 {
	var st unix.Statx_t
	if err := unix.Statx(d.root.fd, "", unix.AT_EMPTY_PATH, unix.STATX_MNT_ID, &st); err != nil {
		return 0
	}
	return st.Mnt_id
}

func (s *Store) markPath(device string) string {
	return filepath.Join(s.cfg.StateDir, "suspect-"+strings.ReplaceAll(strings.Trim(s.cfg.Devices, "/"), "/", "-")+"-"+device)
}

func (s *Store) clearHint(device string) string {
	if s.cfg.StateDir == "" {
		return ""
	}
	return fmt.Sprintf(", or: ringsync doctor --clear %s (which removes %s)", device, s.markPath(device))
}

func (s *Store) keepMark(device string, mark *suspicion) error {
	if s.cfg.StateDir == "" {
		return errors.New("no state directory")
	}
	if err := os.MkdirAll(s.cfg.StateDir, 0o755); err != nil {
		return err
	}
	text := strconv.FormatUint(mark.mount, 10) + " " + mark.reason + "\n"
	if err := os.WriteFile(s.markPath(device), []byte(text), 0o644); err != nil {
		return err
	}
	s.mu.Lock()
	mark.kept = true
	s.mu.Unlock()
	return nil
}

func (s *Store) readMark(device string) (mark suspicion) {
	if s.cfg.StateDir == "" {
		return mark
	}
	text, err := os.ReadFile(s.markPath(device))
	if err != nil {
		return mark
	}
	number, reason, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	if mark.mount, err = strconv.ParseUint(number, 10, 64); err == nil {
		mark.reason = reason
	}
	return mark
}

// markRemoved tells that an operator took away a mark that had been kept.
func (s *Store) markRemoved(device string) bool {
	_, err := os.Stat(s.markPath(device))
	return errors.Is(err, fs.ErrNotExist)
}
