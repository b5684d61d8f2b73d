package measure

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// CPU is processor time in seconds.
type CPU struct {
	User   float64
	System float64
}

// Total is user and system time together.
func (c CPU) Total() float64 { return c.User + c.System }

// Plus is both together.
func (c CPU) Plus(d CPU) CPU { return CPU{c.User + d.User, c.System + d.System} }

// Minus is the time between two readings. A reading is in ticks, so that nothing
// may seem to go backwards.
func (c CPU) Minus(d CPU) CPU { return CPU{max(0, c.User-d.User), max(0, c.System-d.System)} }

// clockTick is USER_HZ, which is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

func seconds(ticks int64) float64 { return float64(ticks) * clockTick.Seconds() }

// processes is what /proc knew at one moment, by pid.
type processes map[int]stat

// stat is a line of /proc/PID/stat.
type stat struct {
	pid, parent int
	name        string
	own, waited CPU // of itself, and of the children it has waited for
}

// readProcesses reads all of /proc. Who ends meanwhile is left out: the parent's
// sums have him.
func readProcesses() (processes, error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	all := processes{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		s, err := parseStat(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all[s.pid] = s
	}
	return all, nil
}

// parseStat reads a line of /proc/PID/stat: behind the name in parentheses, which
// may hold any character, field 4 is the parent, 14 to 17 are user and system
// ticks, own and of children waited for. Source: proc_pid_stat(5).
func parseStat(text string) (stat, error) {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return stat{}, errors.New("no name in parentheses")
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("%d fields behind the name", len(fields))
	}
	var bad error
	number := func(text string) int64 {
		n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		bad = errors.Join(bad, err)
		return n
	}
	field := func(i int) int64 { return number(fields[i-3]) }
	return stat{
		pid: int(number(text[:open])), parent: int(field(4)), name: text[open+1 : end],
		own:    CPU{seconds(field(14)), seconds(field(15))},
		waited: CPU{seconds(field(16)), seconds(field(17))},
	}, bad
}

// tree lists a process and its living descendants, if it lives.
func (all processes) tree(pid int) []int {
	if _, ok := all[pid]; !ok {
		return nil
	}
	list := []int{pid}
	for i := 0; i < len(list); i++ {
		for child, s := range all {
			if s.parent == list[i] {
				list = append(list, child)
			}
		}
	}
	return list
}

// cpu is what processes and all children they have waited for have taken.
func (all processes) cpu(pids []int) (sum CPU) {
	for _, pid := range pids {
		sum = sum.Plus(all[pid].own).Plus(all[pid].waited)
	}
	return sum
}

// kthreadd is the parent of the kernel's threads.
const kthreadd = 2

// kernel is what the kernel's threads have taken, each: writeback, loop devices,
// the journal, interrupts that were put off. False: this machine does not show
// them, as in a container.
func (all processes) kernel() (threads map[int]CPU, visible bool) {
	if s, ok := all[kthreadd]; !ok || s.name != "kthreadd" {
		return nil, false
	}
	threads = map[int]CPU{}
	for pid, s := range all {
		if s.parent == kthreadd {
			threads[pid] = s.own
		}
	}
	return threads, true
}

// since is what threads have taken since a reading. Those that have ended
// meanwhile take their sums with them; only what they did in between is lost.
func since(before, now map[int]CPU) (sum CPU) {
	for pid, cpu := range now {
		sum = sum.Plus(cpu.Minus(before[pid]))
	}
	return sum
}

// machineCPU is what all processors together have done: not idle, not waiting for
// a disk, not stolen. Source: proc_stat(5).
func machineCPU() (CPU, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return CPU{}, err
	}
	return parseMachine(string(text))
}

func parseMachine(text string) (CPU, error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 || fields[0] != "cpu" {
		return CPU{}, fmt.Errorf("/proc/stat begins with %.64q", line)
	}
	var ticks [7]int64
	for i := range ticks {
		n, err := strconv.ParseInt(fields[i+1], 10, 64)
		if err != nil {
			return CPU{}, fmt.Errorf("/proc/stat: %w", err)
		}
		ticks[i] = n
	}
	const user, nice, system, irq, softirq = 0, 1, 2, 5, 6
	return CPU{seconds(ticks[user] + ticks[nice]), seconds(ticks[system] + ticks[irq] + ticks[softirq])}, nil
}
