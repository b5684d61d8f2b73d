package doctor

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Probe is what a device's file system took, found out by doing it.
type Probe struct {
	TmpFile  bool `json:"o_tmpfile"` // files without a name, that get one when they are durable
	Xattr    int  `json:"xattr"`     // bytes of the largest value that it took
	Direct   bool `json:"o_direct"`
	Allocate bool `json:"fallocate"`
	Sync     bool `json:"fsync"`
}

const (
	probeBlock    = 4096    // what O_DIRECT asks for, at the most
	probeAllocate = 1 << 20 // of one object
)

// xattrSizes are tried from the largest that the kernel takes. Swift cuts
// metadata in pieces of 64 KiB; 254 was the piece of 2013.
var xattrSizes = []int{65536, 32768, 16384, 8192, 4096, 2048, 1024, 254}

// enoughXattr holds what Swift's limits let into an object's metadata: 4 KiB of
// names and values, which a pickle may double, and what is not counted.
const enoughXattr = 16384

// probe writes into a file in the device's tmp directory, which is made where it
// is missing, as Swift's daemons make it. The file has no name, or loses it at
// once.
func (d *Device) probe() {
	dir := filepath.Join(d.Path, "tmp")
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		d.problem("probe: %v", err)
		return
	}
	p := &Probe{}
	f, err := p.open(dir)
	if err != nil {
		d.problem("probe: %v", err)
		return
	}
	defer f.Close()
	d.Probe = p
	p.Xattr = largestXattr(f)
	p.Allocate = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, probeAllocate) == nil
	if err := p.write(f); err != nil {
		d.problem("probe: %v", err)
	}
	d.judge(p)
}

// judge says what the missing of something means.
func (d *Device) judge(p *Probe) {
	switch {
	case p.Xattr == 0:
		d.problem("it takes no user xattrs: no object can be stored")
	case p.Xattr < enoughXattr:
		d.remark("it takes xattrs of %d bytes, not of %d: an object with more metadata than fits is answered with 507", p.Xattr, enoughXattr)
	}
	if !p.TmpFile {
		d.remark("no O_TMPFILE: files are named in tmp first")
	}
	if !p.Allocate {
		d.remark("no fallocate: a full disk is noticed while a body is written")
	}
	if !p.Direct {
		d.remark("no O_DIRECT: large bodies go through the page cache")
	}
}

func (p *Probe) open(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		p.TmpFile = true
		return os.NewFile(uintptr(fd), dir+"/(no name)"), nil
	}
	f, err := os.OpenFile(filepath.Join(dir, "ringsync-probe-"+rand.Text()), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// write writes a block past the page cache if it may, else through it, and makes
// it durable. The memory is mapped, so that it begins at a page.
func (p *Probe) write(f *os.File) error {
	block, err := unix.Mmap(-1, 0, probeBlock, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return fmt.Errorf("mmap: %w", err)
	}
	defer unix.Munmap(block)
	fd := int(f.Fd())
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return fmt.Errorf("fcntl: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags|unix.O_DIRECT); err == nil {
		_, err = unix.Pwrite(fd, block, 0)
		p.Direct = err == nil
	}
	if !p.Direct {
		unix.FcntlInt(uintptr(fd), unix.F_SETFL, flags)
		if _, err := unix.Pwrite(fd, block, 0); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	if err := unix.Fsync(fd); err != nil {
		return fmt.Errorf("fsync: %w", err)
	}
	p.Sync = true
	return nil
}

func largestXattr(f *os.File) int {
	for _, size := range xattrSizes {
		if unix.Fsetxattr(int(f.Fd()), "user.ringsync.probe", make([]byte, size), 0) == nil {
			return size
		}
	}
	return 0
}
