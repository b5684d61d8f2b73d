package measure

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// peakBytes is the resident memory of processes at their peaks, together. They
// need not have peaked at one moment, so it may be more than they ever held.
func peakBytes(pids []int) (sum int64, err error) {
	for _, pid := range pids {
		fields, err := readStatus(fmt.Sprintf("/proc/%d/status", pid))
		if gone(err) {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += fields["VmHWM"] << 10
	}
	return sum, nil
}

// switches counts the context switches of all living threads, since they began.
// The kernel tells them of a thread only, and forgets with it.
func switches(pids []int) (sum int64, err error) {
	for _, pid := range pids {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil {
			return 0, err
		}
		for _, thread := range threads {
			fields, err := readStatus(thread)
			if gone(err) {
				continue
			}
			if err != nil {
				return 0, err
			}
			sum += fields["voluntary_ctxt_switches"] + fields["nonvoluntary_ctxt_switches"]
		}
	}
	return sum, nil
}

// gone tells a process that has ended meanwhile.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// readStatus reads those lines of /proc/PID/status that hold one number.
func readStatus(path string) (map[string]int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseStatus(string(text)), nil
}

// parseStatus reads "VmHWM:	 1234 kB" and the like; sizes stay in KiB.
func parseStatus(text string) map[string]int64 {
	fields := map[string]int64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		digits, _, _ := strings.Cut(strings.TrimSpace(value), " ")
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
			fields[name] = n
		}
	}
	return fields
}

// Ended is what a process took from its start to its end, with the children it
// has waited for.
type Ended struct {
	CPU       CPU
	PeakBytes int64 // resident; of its largest process
	Switches  int64
}

// OfEnded reads what getrusage said of a process.
func OfEnded(state *os.ProcessState) Ended {
	e := Ended{CPU: CPU{state.UserTime().Seconds(), state.SystemTime().Seconds()}}
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		e.PeakBytes, e.Switches = r.Maxrss<<10, r.Nvcsw+r.Nivcsw
	}
	return e
}
