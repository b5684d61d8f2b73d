// Package demo does ringsync's main job once, in a temporary directory, with
// nothing else installed: two nodes, a data set, replication, verification.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/verify"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// Config says how large the demonstration is.
type Config struct {
	Objects  int             // default 2,000
	Seed     uint64          // of the data set
	Keep     bool            // leave the directory behind
	Out      io.Writer       // what happens, in sentences; nil: nowhere
	Progress *ssync.Progress // may be nil
}

// Step is one replication of the demonstration.
type Step struct {
	Name    string  `json:"name"`
	Offered int     `json:"offered"`
	Sent    int     `json:"sent"`
	Proven  int     `json:"proven"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// Report is what the demonstration found.
type Report struct {
	Directory   string   `json:"directory"`
	Steps       []Step   `json:"steps"`
	Verified    int      `json:"verified"` // objects and tombstones compared
	Differences []string `json:"differences,omitempty"`
}

const (
	secretConf     = "[swift-hash]\nswift_hash_path_prefix = demo\nswift_hash_path_suffix = demo\n"
	defaultObjects = 2000
	device         = "d1"
	hour           = int64(3600 * 100_000) // in raw timestamp units
)

// sizes are those of the objects, over and over: empty, small, on the borders of
// Swift's 64 KiB pieces, large.
var sizes = []int{4096, 0, 1, 100, 20_000, 65_535, 65_536, 65_537, 300_000, 4096}

// largeEvery-th object is largeBytes long.
const (
	largeEvery = 500
	largeBytes = 16 << 20
)

func sizeOf(i int) int {
	if i%largeEvery == largeEvery-1 {
		return largeBytes
	}
	return sizes[i%len(sizes)]
}

// house is the two nodes and what lies between them.
type house struct {
	cfg       Config
	report    *Report
	dir       string
	cluster   *hashes.Cluster
	filler    *workload.Filler
	source    *store.Store
	partition *store.Partition
	sender    *ssync.Sender
	address   string
	close     []func() error
}

// Run does it all. The report is what came of it; an error means that something
// was not as it should be.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Objects == 0 {
		cfg.Objects = defaultObjects
	}
	if cfg.Out == nil {
		cfg.Out = io.Discard
	}
	h := &house{cfg: cfg, report: &Report{}}
	err := h.build()
	if err == nil {
		err = h.live(ctx)
	}
	for i := len(h.close) - 1; i >= 0; i-- {
		err = errors.Join(err, h.close[i]())
	}
	return h.report, err
}

func (h *house) say(format string, args ...any) { fmt.Fprintf(h.cfg.Out, format+"\n", args...) }

// build makes the directory, the data set's source and the receiving node.
func (h *house) build() (err error) {
	if h.dir, err = place(); err != nil {
		return err
	}
	h.report.Directory = h.dir
	if !h.cfg.Keep {
		h.close = append(h.close, func() error { return os.RemoveAll(h.dir) })
	}
	if h.cluster, err = hashes.ParseSwiftConf([]byte(secretConf)); err != nil {
		return err
	}
	if h.source, err = h.store("node1"); err != nil {
		return err
	}
	target, err := h.store("node2")
	if err != nil {
		return err
	}
	d, err := h.source.Device(device)
	if err != nil {
		return err
	}
	h.close = append(h.close, func() error { d.Close(); return nil })
	h.partition = d.Partition(h.cluster.Policies[0], 0)
	if err := h.startNode(target); err != nil {
		return err
	}
	return h.newSender()
}

func (h *house) store(node string) (*store.Store, error) {
	devices := filepath.Join(h.dir, node)
	if err := os.MkdirAll(filepath.Join(devices, device), 0o755); err != nil {
		return nil, err
	}
	return store.New(store.Config{Devices: devices, Cluster: h.cluster, Notice: func(n store.Notice) { h.say("notice: %s", n.Text) }})
}

func (h *house) startNode(target *store.Store) error {
	node, err := dataplane.New(dataplane.Config{Store: target, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	l, err := node.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	h.address = l.Addr().String()
	h.close = append(h.close, func() error {
		l.Close()
		return errors.Join(<-served, node.Shutdown(context.Background()))
	})
	return nil
}

func (h *house) newSender() error {
	pool, err := buffer.New(buffer.Config{Count: 5})
	if err != nil {
		return err
	}
	h.close = append(h.close, pool.Close)
	moves, err := engine.New(engine.Config{Pool: pool})
	if err != nil {
		return err
	}
	h.close = append(h.close, moves.Close)
	h.sender, err = ssync.NewSender(ssync.SenderConfig{Pool: pool, Engine: moves, Log: slog.New(slog.DiscardHandler)})
	return err
}

// live is the story.
func (h *house) live(ctx context.Context) error {
	n := h.cfg.Objects
	// Yesterday's objects: their tombstones are not old enough to be reclaimed.
	start := proto.TimestampOf(time.Now().Add(-24 * time.Hour))
	spec := workload.Spec{Prefix: "demo", Objects: n, Size: sizeOf, Seed: h.cfg.Seed, Start: start, Posts: n / 10, Tombstones: n / 20}
	h.filler = workload.NewFiller(spec, h.cluster.Secret)
	h.say("two nodes in %s", h.dir)
	h.say("node1 gets %d objects of 0 bytes to %d MiB, %d metadata updates and %d deletions", n, largeBytes>>20, spec.Posts, spec.Tombstones)
	if err := h.filler.Fill(ctx, h.partition); err != nil {
		return fmt.Errorf("filling node1: %w", err)
	}
	if err := h.replicate(ctx, "replicate everything", func(s Step) bool { return s.Sent == n && s.Proven == n }); err != nil {
		return err
	}
	if err := h.replicate(ctx, "replicate again: nothing to send", func(s Step) bool { return s.Sent == 0 && s.Proven == n }); err != nil {
		return err
	}
	changed, err := h.change(ctx)
	if err != nil {
		return fmt.Errorf("changing node1: %w", err)
	}
	if err := h.replicate(ctx, "replicate the changes", func(s Step) bool { return s.Sent == changed && s.Proven == n }); err != nil {
		return err
	}
	return h.verify(ctx)
}

// change overwrites, updates and deletes some objects each.
func (h *house) change(ctx context.Context) (changed int, err error) {
	some := max(1, h.cfg.Objects/50)
	from := h.cfg.Objects / 4
	h.say("%d objects are overwritten, %d get new metadata, %d are deleted", some, some, some)
	return 3 * some, errors.Join(
		h.filler.Overwrite(ctx, h.partition, from, from+some, hour),
		h.filler.Post(ctx, h.partition, from+some, from+2*some, hour),
		h.filler.Delete(ctx, h.partition, from+2*some, from+3*some, hour))
}

func (h *house) replicate(ctx context.Context, name string, right func(Step) bool) error {
	suffixes, err := h.partition.Suffixes()
	if err != nil {
		return err
	}
	start := time.Now()
	r := h.sender.Push(ctx, ssync.Job{To: h.address, Device: device, Partition: h.partition, Suffixes: suffixes, Progress: h.cfg.Progress})
	s := Step{Name: name, Offered: r.Offered, Sent: r.Sent, Proven: r.Proven, Bytes: r.Bytes, Seconds: time.Since(start).Seconds()}
	h.report.Steps = append(h.report.Steps, s)
	if r.Err != nil {
		return fmt.Errorf("%s: %w", name, r.Err)
	}
	h.say("%-34s %6d offered %6d sent %8.1f MB %7.2f s %8.0f offers/s %8.1f MB/s", name+":", s.Offered, s.Sent, float64(s.Bytes)/1e6, s.Seconds, float64(s.Offered)/s.Seconds, float64(s.Bytes)/s.Seconds/1e6)
	if !right(s) {
		return fmt.Errorf("%s: %d of %d objects sent, %d proven, which is not what should be", name, s.Sent, s.Offered, s.Proven)
	}
	return nil
}

func (h *house) verify(ctx context.Context) error {
	r, err := verify.Trees(ctx, verify.Config{
		A: filepath.Join(h.dir, "node1", device), B: filepath.Join(h.dir, "node2", device),
		Cluster: h.cluster, Policy: h.cluster.Policies[0],
	})
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	h.report.Verified, h.report.Differences = r.Objects+r.Tombstones, r.Differences
	if r.Count > 0 {
		return fmt.Errorf("the nodes differ in %d things: %s", r.Count, r.Differences[0])
	}
	h.say("verified: %d objects and %d tombstones are the same on both nodes, each body against its ETag", r.Objects, r.Tombstones)
	return nil
}
