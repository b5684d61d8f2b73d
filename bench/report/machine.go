package report

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Describe tells what can be told of this machine before anything is measured.
func Describe() Machine {
	return Machine{
		Date:        time.Now().UTC().Format(time.DateOnly),
		Kernel:      firstLine("/proc/sys/kernel/osrelease"),
		Processor:   valueIn("/proc/cpuinfo", "model name"),
		Cores:       runtime.NumCPU(),
		MemoryBytes: kilobytes(valueIn("/proc/meminfo", "MemTotal")),
		Media:       map[string]string{},
		Congestion:  map[string]string{},
		Versions:    map[string]string{},
		LoadBefore:  Load(),
	}
}

// Load is the load average now, over one, five and fifteen minutes.
func Load() string {
	words := strings.Fields(firstLine("/proc/loadavg"))
	return strings.Join(words[:min(3, len(words))], " ")
}

// SystemCongestion is the TCP congestion control that a connection gets which
// asks for none.
func SystemCongestion() string { return firstLine("/proc/sys/net/ipv4/tcp_congestion_control") }

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// valueIn finds "name : value" in a file of /proc.
func valueIn(path, name string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func kilobytes(value string) int64 {
	n, err := strconv.ParseInt(strings.TrimSuffix(value, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}
