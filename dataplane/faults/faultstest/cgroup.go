package faultstest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Cgroup is a control group with a limit of memory, in which a daemon starts.
type Cgroup struct {
	dir  string
	peak string // the file that tells the most it ever had
}

// Limit makes a control group, of version 1 or 2, below this process's or beside
// it, for at most so many bytes of memory and no swap. It is removed after the test.
// Where it can't be made the test fails if REQUIRE_CGROUP=1; else Limit says why and
// returns nil, and what the test measures by itself has to do.
func Limit(tb testing.TB, bytes int64) *Cgroup {
	tb.Helper()
	var failures []error
	for _, place := range cgroups(tb) {
		c, err := place.limit(bytes)
		if err == nil {
			tb.Cleanup(func() {
				if err := os.Remove(c.dir); err != nil {
					tb.Error(err)
				}
			})
			return c
		}
		failures = append(failures, err)
	}
	err := fmt.Errorf("no cgroup for memory can be made here, which wants root and the controller: %w", errors.Join(failures...))
	if os.Getenv("REQUIRE_CGROUP") == "1" {
		tb.Fatal("REQUIRE_CGROUP=1, but ", err)
	}
	tb.Logf("NO LIMIT IS SET, only measured: %v", err)
	return nil
}

// place is where a control group may be made, and the files that version has.
type place struct{ parent, limitFile, swapFile, peakFile string }

// cgroups lists where this process's memory is counted: below that group in
// version 1; in version 2, where a group with processes has none below it, also
// beside it.
func cgroups(tb testing.TB) (places []place) {
	tb.Helper()
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) < 3 {
			continue
		}
		if fields[1] == "memory" {
			places = append(places, place{filepath.Join("/sys/fs/cgroup/memory", fields[2]), "memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max_usage_in_bytes"})
		}
		if fields[0] == "0" {
			for _, parent := range []string{fields[2], filepath.Dir(fields[2])} {
				places = append(places, place{filepath.Join("/sys/fs/cgroup", parent), "memory.max", "memory.swap.max", "memory.peak"})
			}
		}
	}
	return places
}

func (p place) limit(bytes int64) (*Cgroup, error) {
	c := &Cgroup{dir: filepath.Join(p.parent, fmt.Sprintf("ringsync-test-%d", os.Getpid()))}
	c.peak = filepath.Join(c.dir, p.peakFile)
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return nil, err
	}
	if err := write(filepath.Join(c.dir, p.limitFile), bytes); err != nil {
		return nil, errors.Join(err, os.Remove(c.dir))
	}
	swap := int64(0)
	if p.limitFile == "memory.limit_in_bytes" {
		swap = bytes // memory and swap together
	}
	if err := write(filepath.Join(c.dir, p.swapFile), swap); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(err, os.Remove(c.dir))
	}
	return c, nil
}

// write writes to a file that is there: none is ever made in a cgroup.
func write(path string, value int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(f, value)
	return errors.Join(err, f.Close())
}

// enter makes a command one that goes into the group before it begins.
func (c *Cgroup) enter(command []string) []string {
	return append([]string{"/bin/sh", "-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(c.dir, "cgroup.procs")}, command...)
}

// Peak is the most bytes that the group ever had; 0 where the kernel does not say.
func (c *Cgroup) Peak() (bytes int64) {
	if text, err := os.ReadFile(c.peak); err == nil {
		fmt.Sscan(string(text), &bytes)
	}
	return bytes
}
