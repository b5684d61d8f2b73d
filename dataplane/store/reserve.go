package store

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Reserve is the free space that objects may not use: bytes, or a percentage of
// the device. Source: utils/__init__.py, FallocateWrapper.
type Reserve struct {
	Bytes   int64
	Percent float64
}

// checkSpace fails with ENOSPC where a file of this size would leave less than
// the reserve. Source: utils/__init__.py, FallocateWrapper; diskfile.py,
// check_free_space for files without a known size.
func (d *Device) checkSpace(size int64) error {
	cfg := &d.store.cfg
	if cfg.DisableAllocate || cfg.Reserve == (Reserve{}) {
		return nil
	}
	st, err := d.root.statfs()
	if err != nil {
		return err
	}
	free := int64(st.Bavail)*st.Frsize - size
	has, reserve := float64(free), float64(cfg.Reserve.Bytes)
	if cfg.Reserve.Percent > 0 {
		has, reserve = 100*float64(free)/float64(max(1, int64(st.Blocks)*st.Frsize)), cfg.Reserve.Percent
	}
	if has > reserve || size == 0 && has == reserve {
		return nil
	}
	return fmt.Errorf("device %s: an object of %d bytes would leave %d free, less than fallocate_reserve: %w", d.name, size, free, unix.ENOSPC)
}
