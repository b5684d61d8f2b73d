package floor

import (
	"cmp"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// File is a body on a sender's disk.
type File struct {
	Path string
	Size int64
}

// Bodies lists the .data files below a directory, by path.
func Bodies(dir string) ([]File, error) {
	var list []File
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".data") {
			return err
		}
		info, err := d.Info()
		if err == nil {
			list = append(list, File{path, info.Size()})
		}
		return err
	})
	slices.SortFunc(list, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return list, err
}

// Named is where number i of the files that a floor writes lies in dir.
func Named(dir string, i int) string { return fmt.Sprintf("%s/%08d", dir, i) }

const (
	pieceBytes = 1 << 20 // of what is read or written at once
	blockBytes = 4096    // what O_DIRECT wants lengths and places to be multiples of
	workers    = 32      // files in hand at once, as many as our commits
)

// page is a buffer that the kernel can read from and write to past its cache: of
// whole pages, which the Go heap does not promise.
func page() ([]byte, error) {
	return unix.Mmap(-1, 0, pieceBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_POPULATE)
}

// side does something for each of n files, several at once; worker tells which
// of them does it.
func side(n int, do func(i, worker int) error) error {
	var next atomic.Int64
	var g errgroup.Group
	for worker := range min(n, workers) {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := do(i, worker); err != nil {
					return err
				}
			}
		})
	}
	return g.Wait()
}

// opener opens files past the page cache, as long as their file system can.
type opener struct {
	mu     sync.Mutex
	cached bool
}

func (o *opener) open(path string, flags int) (int, error) {
	o.mu.Lock()
	cached := o.cached
	o.mu.Unlock()
	if !cached {
		fd, err := unix.Open(path, flags|unix.O_DIRECT|unix.O_CLOEXEC, 0o644)
		if err != unix.EINVAL {
			return fd, named(path, err)
		}
		o.mu.Lock()
		o.cached = true
		o.mu.Unlock()
	}
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0o644)
	return fd, named(path, err)
}

func named(path string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: "open", Path: path, Err: err}
}

// again repeats a call that a signal interrupted.
func again(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); err != unix.EINTR {
			return n, err
		}
	}
}
