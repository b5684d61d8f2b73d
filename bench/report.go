package bench

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine is what a report was measured on.
type Machine struct {
	Date       string `json:"date"`
	Kernel     string `json:"kernel"`
	Processor  string `json:"processor"`
	Cores      int    `json:"cores"`
	FileSystem string `json:"file_system"`
	Congestion string `json:"congestion_control"`
	Swift      string `json:"swift"`
	Load       string `json:"load"`
}

func describe(dir, congestion string) Machine {
	m := Machine{Date: time.Now().UTC().Format(time.DateOnly), Cores: cores(), Congestion: congestion + " for ours, the system's for Swift"}
	system := firstLine("/proc/sys/net/ipv4/tcp_congestion_control")
	if congestion == "" {
		m.Congestion = system
	} else {
		m.Congestion += " (" + system + ")"
	}
	m.Kernel = firstLine("/proc/sys/kernel/osrelease")
	m.Load = firstLine("/proc/loadavg")
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(cpuinfo)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			m.Processor = strings.TrimSpace(strings.TrimLeft(name, " \t:"))
			break
		}
	}
	m.FileSystem = fileSystem(dir)
	return m
}

func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// fileSystem names the file system that a directory is on.
func fileSystem(dir string) string {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return "unknown"
	}
	switch st.Type {
	case unix.XFS_SUPER_MAGIC:
		return "XFS"
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.TMPFS_MAGIC:
		return "tmpfs (its fsync does nothing)"
	}
	return fmt.Sprintf("type %#x", st.Type)
}

var units = map[string]string{"S": "objects/s", "L": "MB/s", "N": "offers/s"}

// Markdown is the report as tables.
func (r *Report) Markdown() string {
	var b strings.Builder
	m := r.Machine
	fmt.Fprintf(&b, "%s · %s, %d cores · kernel %s · %s · congestion control %s · Swift %s · load before %s\n",
		m.Date, m.Processor, m.Cores, m.Kernel, m.FileSystem, m.Congestion, m.Swift, m.Load)
	if r.LeftOut != "" {
		fmt.Fprintf(&b, "\nLeft out: %s\n", r.LeftOut)
	}
	for _, workload := range []string{"S", "L", "N"} {
		r.table(&b, workload)
	}
	return b.String()
}

func (r *Report) table(b *strings.Builder, workload string) {
	var rows []Row
	var base float64
	for _, row := range r.Rows {
		if row.Workload == workload {
			rows = append(rows, row)
			if row.Pairing == "Swift to Swift" {
				base = row.Rate
			}
		}
	}
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n**%s**: %d objects, %.0f MB\n\n", workload, rows[0].Objects, float64(rows[0].Bytes)/1e6)
	fmt.Fprintf(b, "| sender to receiver | %s | against Swift | seconds: median (min–max) of %d | CPU s sender | CPU s receiver |\n|---|---:|---:|---:|---:|---:|\n", units[workload], rows[0].Runs)
	for _, row := range rows {
		ratio := "–"
		if base > 0 {
			ratio = fmt.Sprintf("%.1f ×", row.Rate/base)
		}
		fmt.Fprintf(b, "| %s | %.0f | %s | %.2f (%.2f–%.2f) | %.2f | %.2f |\n", row.Pairing, row.Rate, ratio,
			row.Seconds.Median, row.Seconds.Min, row.Seconds.Max, row.Sender.Median, row.Receiver.Median)
	}
}

// The tables of a document stand between these.
const (
	beginMark = "<!-- begin: written by make bench -->\n"
	endMark   = "<!-- end -->"
)

// Write replaces the tables in the document at path.
func (r *Report) Write(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(text, []byte(beginMark))
	_, after, ended := bytes.Cut(rest, []byte(endMark))
	if !found || !ended {
		return fmt.Errorf("%s: no place for the tables, between %q and %q", path, strings.TrimSpace(beginMark), endMark)
	}
	text = append(before, beginMark+r.Markdown()+endMark...)
	return os.WriteFile(path, append(text, after...), 0o644)
}
