package store

import "golang.org/x/sys/unix"

// Mark is what the state directory remembers of a suspect device.
type Mark struct {
	Path   string // of the file
	Reason string
	Stale  bool // the device has been mounted anew since, so the mark counts no more
}

// Mark reads a device's mark, and changes nothing, where Device forgets a stale
// one. The device need not be there. Without a mark ok is false.
func (s *Store) Mark(device string) (m Mark, ok bool, err error) {
	if err := ValidDeviceName(device); err != nil {
		return m, false, err
	}
	if s.cfg.StateDir == "" {
		return m, false, nil
	}
	mark := s.readMark(device)
	m = Mark{Path: s.markPath(device), Reason: mark.reason}
	var st unix.Statx_t
	if unix.Statx(unix.AT_FDCWD, s.cfg.Devices+"/"+device, 0, unix.STATX_MNT_ID, &st) == nil {
		m.Stale = st.Mnt_id != mark.mount
	}
	return m, mark.reason != "", nil
}
