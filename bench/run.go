package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/verify"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// Config says what is measured, and with what.
type Config struct {
	Dir         string    // where the nodes' disks are made; should be a file system whose fsync is real
	Runs        int       // of each pairing and workload; default 3
	Small       int       // objects of 4 KiB in S; default 4,000
	Large       int       // objects of 64 MiB in L; default 8
	Idle        int       // objects of 4 KiB in N; default 20,000
	Only        []string  // workloads; default: all, S, L and N
	Congestion  string    // of our sender's connections and our node's; the system's
	BinDir      string    // where ringsync and ringsyncd are; default: beside this program
	RequirePeer bool      // fail without a Swift, instead of leaving it out by name
	Out         io.Writer // progress; nil: nowhere
}

const (
	device      = "d1"
	smallBytes  = 4096
	largeBytes  = 64 << 20
	defaultRuns = 3

	// settleTime lets what was written before a run become old enough that no
	// receiver fsyncs it again before he says that he has it; it is the store's
	// own two minutes.
	settleTime = 2*time.Minute + 5*time.Second
)

// Row is what one pairing needed for one workload.
type Row struct {
	Workload string  `json:"workload"`
	Pairing  string  `json:"pairing"`
	Objects  int     `json:"objects"`
	Bytes    int64   `json:"bytes"`
	Runs     int     `json:"runs"`
	Seconds  Spread  `json:"seconds"`
	Sender   Spread  `json:"sender_cpu_seconds"`
	Receiver Spread  `json:"receiver_cpu_seconds"`
	Rate     float64 `json:"rate"` // at the median: objects, offers or 10^6 bytes a second
}

// Report is all rows, and what they were measured on.
type Report struct {
	Machine Machine `json:"machine"`
	Rows    []Row   `json:"rows"`
	LeftOut string  `json:"left_out,omitempty"`
}

// harness holds what all runs share.
type harness struct {
	cfg     Config
	dir     string
	conf    string // the directory of swift.conf
	cluster *hashes.Cluster
	swift   *peer.Swift
	samples map[string]*samples
}

// samples are the figures of one row, a run each.
type samples struct {
	row                       Row
	seconds, sender, receiver []float64
}

// task is one workload.
type task struct {
	name, unit string
	spec       workload.Spec
	idle       bool // everything is there already
}

// Run measures everything, and removes what it made.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	h, report, err := prepare(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(h.dir)
	for _, t := range h.tasks() {
		if err := h.measure(ctx, t); err != nil {
			return nil, fmt.Errorf("workload %s: %w", t.name, err)
		}
		for _, p := range h.pairings() {
			report.Rows = append(report.Rows, h.samples[t.name+p.name].sum(t.unit))
		}
	}
	return report, nil
}

func prepare(ctx context.Context, cfg Config) (*harness, *Report, error) {
	setDefault(&cfg.Runs, defaultRuns)
	setDefault(&cfg.Small, 4000)
	setDefault(&cfg.Large, 8)
	setDefault(&cfg.Idle, 20_000)
	for _, name := range cfg.Only {
		if !slices.Contains(workloads, name) {
			return nil, nil, fmt.Errorf("workload %q is none of %s", name, strings.Join(workloads, ", "))
		}
	}
	if cfg.Out == nil {
		cfg.Out = io.Discard
	}
	if cfg.BinDir == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, nil, err
		}
		cfg.BinDir = filepath.Dir(self)
	}
	dir, err := os.MkdirTemp(cfg.Dir, "ringsync-bench-")
	if err != nil {
		return nil, nil, err
	}
	h := &harness{cfg: cfg, dir: dir, conf: filepath.Join(dir, "etc"), samples: map[string]*samples{}}
	report := &Report{Machine: describe(dir, cfg.Congestion)}
	if h.swift, err = peer.Find(ctx); err != nil {
		if cfg.RequirePeer {
			return nil, nil, errors.Join(err, os.RemoveAll(dir))
		}
		report.LeftOut = "Swift: " + err.Error()
	} else {
		report.Machine.Swift = h.swift.Version
	}
	return h, report, errors.Join(os.Mkdir(h.conf, 0o755), peer.WriteSwiftConf(h.conf), h.readCluster())
}

func setDefault(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}

func (h *harness) readCluster() error {
	text, err := os.ReadFile(filepath.Join(h.conf, "swift.conf"))
	if err != nil {
		return err
	}
	h.cluster, err = hashes.ParseSwiftConf(text)
	return err
}

func (h *harness) tasks() []task {
	start := proto.TimestampOf(time.Now().Add(-24 * time.Hour))
	small := workload.Spec{Prefix: "S", Objects: h.cfg.Small, Size: workload.Fixed(smallBytes), Seed: 1, Start: start}
	large := workload.Spec{Prefix: "L", Objects: h.cfg.Large, Size: workload.Fixed(largeBytes), Seed: 2, Start: start}
	idle := workload.Spec{Prefix: "N", Objects: h.cfg.Idle, Size: workload.Fixed(smallBytes), Seed: 3, Start: start}
	all := []task{
		{"S", "objects/s", small, false},
		{"L", "MB/s", large, false},
		{"N", "offers/s", idle, true},
	}
	return slices.DeleteFunc(all, func(t task) bool { return len(h.cfg.Only) > 0 && !slices.Contains(h.cfg.Only, t.name) })
}

// workloads are the tasks' names.
var workloads = []string{"S", "L", "N"}

// pairing is who sends to whom.
type pairing struct {
	name             string
	ourPush, ourNode bool
}

func (h *harness) pairings() []pairing {
	all := []pairing{{"ours to ours", true, true}}
	if h.swift != nil {
		all = append(all, pairing{"Swift to ours", false, true}, pairing{"ours to Swift", true, false}, pairing{"Swift to Swift", false, false})
	}
	return all
}

// measure fills the sender's disk and lets the pairings take turns.
func (h *harness) measure(ctx context.Context, t task) error {
	source, target := filepath.Join(h.dir, "source"), filepath.Join(h.dir, "target")
	if err := errors.Join(h.fill(ctx, source, t.spec), h.empty(target)); err != nil {
		return err
	}
	defer os.RemoveAll(source)
	defer os.RemoveAll(target)
	if t.idle {
		if err := h.fill(ctx, target, t.spec); err != nil {
			return err
		}
		h.say("%s: letting the disks grow older than two minutes", t.name)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(settleTime):
		}
	}
	for run := range h.cfg.Runs {
		for _, p := range h.pairings() {
			if !t.idle {
				if err := h.empty(target); err != nil {
					return err
				}
			}
			if err := h.once(ctx, t, p, source, target); err != nil {
				return fmt.Errorf("%s, run %d: %w", p.name, run+1, err)
			}
		}
	}
	return nil
}

func (h *harness) say(format string, args ...any) { fmt.Fprintf(h.cfg.Out, format+"\n", args...) }

func (h *harness) empty(devices string) error {
	return errors.Join(os.RemoveAll(devices), os.MkdirAll(filepath.Join(devices, device), 0o755))
}

func (h *harness) fill(ctx context.Context, devices string, spec workload.Spec) error {
	if err := h.empty(devices); err != nil {
		return err
	}
	s, err := store.New(store.Config{Devices: devices, Cluster: h.cluster})
	if err != nil {
		return err
	}
	d, err := s.Device(device)
	if err != nil {
		return err
	}
	defer d.Close()
	return workload.NewFiller(spec, h.cluster.Secret).Fill(ctx, d.Partition(h.cluster.Policies[0], 0))
}

// figures are what one run took.
type figures struct {
	offered, wanted  int
	bytes            int64
	seconds          float64
	sender, receiver CPU
}

// once runs a pairing on a workload, and verifies the receiver's disk.
func (h *harness) once(ctx context.Context, t task, p pairing, source, target string) error {
	receiver, err := h.receive(ctx, p.ourNode, target)
	if err != nil {
		return err
	}
	defer receiver.stop()
	before, err := treeCPU(receiver.pid)
	if err != nil {
		return err
	}
	push := h.ourPush
	if !p.ourPush {
		push = h.swiftPush
	}
	f, err := push(ctx, source, receiver.address)
	if err != nil {
		return err
	}
	after, err := treeCPU(receiver.pid)
	if err != nil {
		return err
	}
	f.receiver = after.minus(before)
	if err := h.verify(ctx, t, f, source, target); err != nil {
		return err
	}
	h.note(t, p, f)
	return nil
}

// verify lets nothing count that is not right.
func (h *harness) verify(ctx context.Context, t task, f figures, source, target string) error {
	want := t.spec.Objects
	if t.idle {
		want = 0
	}
	if f.offered != t.spec.Objects || f.wanted != want {
		return fmt.Errorf("%d objects offered and %d wanted, of %d", f.offered, f.wanted, t.spec.Objects)
	}
	r, err := verify.Trees(ctx, verify.Config{
		A: filepath.Join(source, device), B: filepath.Join(target, device), Cluster: h.cluster, Policy: h.cluster.Policies[0]})
	if err != nil {
		return err
	}
	if r.Count > 0 {
		return fmt.Errorf("the receiver's disk differs: %s", r.Differences[0])
	}
	return nil
}

func (h *harness) note(t task, p pairing, f figures) {
	s := h.samples[t.name+p.name]
	if s == nil {
		s = &samples{row: Row{Workload: t.name, Pairing: p.name, Objects: f.offered, Bytes: f.bytes}}
		h.samples[t.name+p.name] = s
	}
	s.seconds = append(s.seconds, f.seconds)
	s.sender = append(s.sender, f.sender.Total())
	s.receiver = append(s.receiver, f.receiver.Total())
	h.say("%s  %-14s  %7.2f s  CPU %5.2f + %5.2f s", t.name, p.name, f.seconds, f.sender.Total(), f.receiver.Total())
}

func (s *samples) sum(unit string) Row {
	s.row.Runs = len(s.seconds)
	s.row.Seconds, s.row.Sender, s.row.Receiver = spreadOf(s.seconds), spreadOf(s.sender), spreadOf(s.receiver)
	done := float64(s.row.Objects)
	if unit == "MB/s" {
		done = float64(s.row.Bytes) / 1e6
	}
	s.row.Rate = done / s.row.Seconds.Median
	return s.row
}

// receiver is a process that answers SSYNC.
type receiver struct {
	address string
	pid     int
	stop    func() error
}

func (h *harness) receive(ctx context.Context, ours bool, devices string) (*receiver, error) {
	if !ours {
		s, err := h.swift.StartObjectServer(ctx, peer.ServerConfig{SwiftDir: h.conf, Devices: devices, Log: io.Discard})
		if err != nil {
			return nil, err
		}
		return &receiver{s.Addr(), s.PID(), s.Stop}, nil
	}
	cmd := exec.CommandContext(ctx, filepath.Join(h.cfg.BinDir, "ringsyncd"), "--listen=127.0.0.1:0", "--mount-check=false",
		"--devices="+devices, "--swift-dir="+h.conf, "--state-dir="+filepath.Join(h.dir, "state"), "--fallocate-reserve=0",
		"--tcp-congestion="+h.cfg.Congestion, "--log-format=json")
	log, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	address, err := listening(log)
	stop := func() error { return errors.Join(cmd.Process.Signal(os.Interrupt), cmd.Wait()) }
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	return &receiver{address, cmd.Process.Pid, stop}, nil
}

// listening waits for the line in which ringsyncd names its address, and has the
// rest of its log read and dropped.
func listening(log io.Reader) (string, error) {
	lines := json.NewDecoder(log)
	var last string
	for {
		var line struct{ Msg string }
		if err := lines.Decode(&line); err != nil {
			return "", fmt.Errorf("ringsyncd did not start: %s: %w", last, err)
		}
		last = line.Msg
		if address, ok := strings.CutPrefix(line.Msg, "listening on "); ok {
			go io.Copy(io.Discard, log) // ends with the process, whose pipe this is
			return address, nil
		}
	}
}

// ourPush sends with ringsync push, a process of its own.
func (h *harness) ourPush(ctx context.Context, devices, to string) (f figures, err error) {
	cmd := exec.CommandContext(ctx, filepath.Join(h.cfg.BinDir, "ringsync"), "push", "--to="+to, "--devices="+devices, "--device="+device,
		"--swift-dir="+h.conf, "--tcp-congestion="+h.cfg.Congestion, "--json")
	cmd.Stderr = h.cfg.Out
	out, err := cmd.Output()
	if err != nil {
		return f, fmt.Errorf("ringsync push: %w", err)
	}
	var said struct {
		Offered, Wanted int
		Bytes           int64
		Seconds         float64
	}
	if err := json.Unmarshal(out, &said); err != nil {
		return f, err
	}
	cpu := CPU{cmd.ProcessState.UserTime().Seconds(), cmd.ProcessState.SystemTime().Seconds()}
	return figures{offered: said.Offered, wanted: said.Wanted, bytes: said.Bytes, seconds: said.Seconds, sender: cpu}, nil
}

// swiftPush sends with Swift's own Sender; its start-up is not counted.
func (h *harness) swiftPush(ctx context.Context, devices, to string) (f figures, err error) {
	r, err := h.swift.Send(ctx, peer.SendConfig{SwiftDir: h.conf, Devices: devices, Device: device, To: to})
	if err != nil {
		return f, err
	}
	if !r.Success {
		return f, fmt.Errorf("the Sender of Swift: %s", strings.Join(r.Errors, "; "))
	}
	return figures{offered: int(r.Offered), wanted: int(r.Wanted), bytes: r.BodyBytes, seconds: r.Wall, sender: CPU{r.UserCPU, r.SystemCPU}}, nil
}

// cores is how many processors the measured processes share.
func cores() int { return runtime.NumCPU() }
