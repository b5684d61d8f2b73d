package doctor

import (
	"errors"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// mount is a line of /proc/self/mountinfo.
type mount struct {
	id                          uint64
	fileSystem, source, options string
}

// maxMountinfo bounds what is read: ten thousand mounts take about 2 MiB.
const maxMountinfo = 16 << 20

func readMountinfo() (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxMountinfo+1))
	if err == nil && len(text) > maxMountinfo {
		err = errors.New("mountinfo is larger than it can ever be")
	}
	return string(text), err
}

// parseMountinfo reads lines of
//
//	36 35 98:0 /root /point rw,noatime master:1 - xfs /dev/sda rw,attr2
//
// with any number of fields before the dash; the options are those of the mount
// and what the file system has beside them. A line of another make is passed over. Source:
// proc(5).
func parseMountinfo(text string) (mounts []mount) {
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 6 || len(right) < 3 {
			continue
		}
		id, err := strconv.ParseUint(left[0], 10, 64)
		if err != nil {
			continue
		}
		mounts = append(mounts, mount{id: id, fileSystem: unescape(right[0]), source: unescape(right[1]), options: unescape(together(left[5], right[2]))})
	}
	return mounts
}

// together appends the options of b that a has not.
func together(a, b string) string {
	all := strings.Split(a, ",")
	for option := range strings.SplitSeq(b, ",") {
		if !slices.Contains(all, option) {
			all = append(all, option)
		}
	}
	return strings.Join(all, ",")
}

// unescape turns the kernel's \040 into its byte.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
