package measure

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Calls counts system calls, with perf. Each costs the counted a little, so a run
// that is counted is not one that is timed.
type Calls struct {
	cmd  *exec.Cmd
	path string // of perf's answer
}

// Counts is what was counted. What the kernel does for a ring of io_uring is no
// system call, but an operation of its own: a ring's are those that were given to
// it, whoever then did them.
type Counts struct {
	Calls  int64
	Fsyncs int64 // fsync, fdatasync, syncfs and sync_file_range
	Rings  int64 // operations given to rings; -1: this kernel has no tracepoint for them
}

const allCalls = "raw_syscalls:sys_enter"

// ringCalls are the tracepoints of an operation that is given to a ring: the
// kernel's since 6.4, and before.
var ringCalls = []string{"io_uring:io_uring_submit_req", "io_uring:io_uring_submit_sqe"}

var syncCalls = []string{"syscalls:sys_enter_fsync", "syscalls:sys_enter_fdatasync", "syscalls:sys_enter_syncfs", "syscalls:sys_enter_sync_file_range"}

// events are what perf is asked to count. It refuses what the kernel does not have.
func events() string {
	list := append([]string{allCalls}, syncCalls...)
	for _, e := range ringCalls {
		if _, err := os.Stat(tracepoints + strings.ReplaceAll(e, ":", "/")); err == nil {
			return strings.Join(append(list, e), ",")
		}
	}
	return strings.Join(list, ",")
}

const tracepoints = "/sys/kernel/tracing/events/"

func perfArgs(path string, more ...string) []string {
	return append([]string{"stat", "--field-separator=,", "--output=" + path, "--event=" + events()}, more...)
}

// CanCount tells why calls can't be counted here; nil: they can.
func CanCount(ctx context.Context, dir string) error {
	path := filepath.Join(dir, "perf.probe")
	defer os.Remove(path)
	out, err := exec.CommandContext(ctx, "perf", perfArgs(path, "--", "true")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("perf: %w: %.200s", err, out)
	}
	_, err = readCounts(path)
	return err
}

// CountCommand has a command that has not been started counted, with its
// children: perf is started in its place. Its answer goes to the file at path.
func CountCommand(cmd *exec.Cmd, path string) (*Calls, error) {
	perf, err := exec.LookPath("perf")
	if err != nil {
		return nil, err
	}
	cmd.Args = append(append([]string{perf}, perfArgs(path, "--", cmd.Path)...), cmd.Args[1:]...)
	cmd.Path = perf
	return &Calls{path: path}, nil
}

// enableTime is how long perf may take to look at the processes.
const enableTime = 10 * time.Second

// attempts are made to count processes: perf gives up on all of them when one ends
// while it looks, as a daemon's child of a moment may.
const attempts = 5

// CountProcesses counts processes that are there, their children and those that
// they start from now on. On return the counting has begun.
func CountProcesses(ctx context.Context, path string, pids ...int) (c *Calls, err error) {
	for range attempts {
		if c, err = countProcesses(ctx, path, pids); err == nil || ctx.Err() != nil {
			break
		}
	}
	return c, err
}

func countProcesses(ctx context.Context, path string, pids []int) (*Calls, error) {
	all, err := readProcesses()
	if err != nil {
		return nil, err
	}
	var words []string
	for _, pid := range pids {
		for _, p := range all.tree(pid) {
			words = append(words, strconv.Itoa(p))
		}
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("processes %v have ended", pids)
	}
	orders, give, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer give.Close()
	hear, answers, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, orders.Close())
	}
	defer hear.Close()
	// It counts nothing until it is told to, and says when it does.
	c := &Calls{path: path}
	c.cmd = exec.CommandContext(ctx, "perf", perfArgs(path, "--delay=-1", "--control=fd:3,4", "--pid="+strings.Join(words, ","))...)
	c.cmd.ExtraFiles = []*os.File{orders, answers}
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(os.Interrupt) }
	c.cmd.WaitDelay = enableTime
	err = c.cmd.Start()
	err = errors.Join(err, orders.Close(), answers.Close())
	if err != nil {
		return nil, err
	}
	if err := enable(give, hear); err != nil {
		_, stopped := c.Counts()
		return nil, errors.Join(fmt.Errorf("perf does not begin to count: %w", err), stopped)
	}
	return c, nil
}

func enable(give, hear *os.File) error {
	if err := hear.SetReadDeadline(time.Now().Add(enableTime)); err != nil {
		return err
	}
	if _, err := give.WriteString("enable\n"); err != nil {
		return err
	}
	_, err := hear.Read(make([]byte, 16))
	return err
}

// Counts ends the counting and tells what was counted; of a command, after its end.
func (c *Calls) Counts() (Counts, error) {
	if c.cmd != nil {
		err := c.cmd.Process.Signal(os.Interrupt)
		if errors.Is(err, os.ErrProcessDone) {
			err = nil
		}
		// perf ends with the signal's own status when it has been interrupted.
		if waited := c.cmd.Wait(); waited != nil {
			if _, ok := errors.AsType[*exec.ExitError](waited); !ok {
				err = errors.Join(err, waited)
			}
		}
		if err != nil {
			return Counts{}, fmt.Errorf("perf: %w", err)
		}
	}
	return readCounts(c.path)
}

func readCounts(path string) (Counts, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Counts{}, fmt.Errorf("perf left no answer: %w", err)
	}
	return parseCounts(string(text))
}

// parseCounts reads perf's lines: "<count>,<unit>,<event>,…". An event that this
// kernel does not have has a word in the place of its count.
func parseCounts(text string) (c Counts, err error) {
	seen := false
	c.Rings = -1
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), ",")
		if len(fields) < 3 || strings.HasPrefix(line, "#") {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return Counts{}, fmt.Errorf("perf did not count %.64q: %.64q", fields[2], fields[0])
		}
		switch {
		case fields[2] == allCalls:
			c.Calls, seen = n, true
		case slices.Contains(ringCalls, fields[2]):
			c.Rings = n
		default:
			c.Fsyncs += n
		}
	}
	if !seen {
		return Counts{}, fmt.Errorf("perf's answer names no %s", allCalls)
	}
	return c, nil
}
