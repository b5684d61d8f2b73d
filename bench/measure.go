package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CPU is processor time in seconds.
type CPU struct {
	User   float64 `json:"user"`
	System float64 `json:"system"`
}

// Total is user and system time together.
func (c CPU) Total() float64 { return c.User + c.System }

func (c CPU) minus(d CPU) CPU { return CPU{c.User - d.User, c.System - d.System} }

// clockTick is USER_HZ, which is 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// treeCPU is the time that a process, its living descendants and all children
// they have waited for have taken so far.
func treeCPU(pid int) (CPU, error) {
	children, err := childrenOf()
	if err != nil {
		return CPU{}, err
	}
	var sum CPU
	for todo := []int{pid}; len(todo) > 0; {
		next := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], children[next]...)
		s, err := readStat(next)
		if err != nil {
			if next == pid {
				return CPU{}, err
			}
			continue // it ended meanwhile; its parent's sums have it
		}
		sum.User += s.user
		sum.System += s.system
	}
	return sum, nil
}

func childrenOf() (map[int][]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	children := map[int][]int{}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			continue
		}
		if s, err := readStat(pid); err == nil {
			children[s.parent] = append(children[s.parent], pid)
		}
	}
	return children, nil
}

type stat struct {
	parent       int
	user, system float64
}

// readStat reads /proc/PID/stat: behind the name in parentheses, field 4 is the
// parent, 14 to 17 are user and system ticks, own and of children waited for.
func readStat(pid int) (stat, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	text := string(data)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) < 15 {
		return stat{}, fmt.Errorf("/proc/%d/stat: %d fields", pid, len(fields))
	}
	number := func(field int) int { n, _ := strconv.Atoi(fields[field-3]); return n }
	ticks := func(own, waited int) float64 { return float64(number(own)+number(waited)) * clockTick.Seconds() }
	return stat{parent: number(4), user: ticks(14, 16), system: ticks(15, 17)}, nil
}

// Spread is what several runs gave.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) Spread {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return Spread{}
	}
	mid := len(v) / 2
	median := v[mid]
	if len(v)%2 == 0 {
		median = (v[mid-1] + v[mid]) / 2
	}
	return Spread{Min: v[0], Median: median, Max: v[len(v)-1]}
}
