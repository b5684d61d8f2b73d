package medium

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// describe tells a directory's file system, what it lies on and how it is
// mounted: "xfs on /dev/loop1 (image in /var/tmp, ext4), rw,noatime,…".
func describe(dir string) (string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	m, found := mountOf(dir, string(text))
	if !found {
		return "", fmt.Errorf("%s is on no mounted file system", dir)
	}
	on := m.source
	if loop, err := os.ReadFile("/sys/block/" + filepath.Base(m.source) + "/loop/dio"); err == nil {
		on += ", a loop device"
		if strings.TrimSpace(string(loop)) == "1" {
			on += " with direct I/O"
		}
		if below, ok := mountOf(imageDir, string(text)); ok {
			on += " over " + below.kind
		}
	}
	about := fmt.Sprintf("%s on %s, %s", m.kind, on, m.options)
	if m.kind == kindTmpfs {
		about += " (memory: its fsync does nothing)"
	}
	return about, nil
}

// mount is a line of mountinfo.
type mount struct {
	point, kind, source, options string
}

// mountOf finds the mount that a path lies on: the one with the longest mount
// point above it, of several the last. Source: proc_pid_mountinfo(5).
func mountOf(path, mountinfo string) (best mount, found bool) {
	for line := range strings.Lines(mountinfo) {
		own, rest, ok := strings.Cut(line, " - ")
		fields, fs := strings.Fields(own), strings.Fields(rest)
		if !ok || len(fields) < 6 || len(fs) < 3 {
			continue
		}
		m := mount{point: unquote.Replace(fields[4]), kind: fs[0], source: unquote.Replace(fs[1]), options: options(fields[5], fs[2])}
		if above(m.point, path) && len(m.point) >= len(best.point) {
			best, found = m, true
		}
	}
	return best, found
}

// unquote undoes what the kernel does to blanks and backslashes.
var unquote = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)

func above(point, path string) bool {
	return point == "/" || path == point || strings.HasPrefix(path, point+"/")
}

// options joins those of the mount and those of the file system, each once.
func options(lists ...string) string {
	var all []string
	seen := map[string]bool{}
	for _, list := range lists {
		for word := range strings.SplitSeq(list, ",") {
			if !seen[word] {
				seen[word] = true
				all = append(all, word)
			}
		}
	}
	return strings.Join(all, ",")
}

// dropCaches is where root lets the kernel forget.
const dropCaches = "/proc/sys/vm/drop_caches"

// forget makes one file's pages go, as far as they are clean.
func forget(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED)
}
