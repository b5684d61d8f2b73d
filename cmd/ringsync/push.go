package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

type pushOptions struct {
	to, devices, device, remoteDevice string
	partitions, suffixes, swiftDir    string
	congestion, stateDir              string
	verb, verify                      string
	reclaimAge                        time.Duration
	policy, maxObjects, sessions      int
	mountCheck, asJSON                bool
	sender                            ssync.SenderConfig
	speaks                            ssync.Verb
	tuning                            pushTuning
}

func newPushCommand() *cobra.Command {
	var o pushOptions
	cmd := &cobra.Command{
		Use:   "push --to HOST:PORT --devices DIR --device D",
		Short: "Push a device's partitions to another node",
		Long: `push offers what a local device has to any SSYNC receiver, Swift's object server
or ringsyncd, and sends what that lacks. Nothing is removed here.

It ends with 0 only if every session succeeded. "proven" counts the objects that
the receiver is known to hold, durable; "not sent" those that it wanted, but that
had gone or could not be read when their turn came.

--verb REPLICATION speaks to Swift 1.11 to 2.2 (2013 and 2014), whose port was 6000.
Objects with metadata of a later POST arrive there under that POST's time, and little
is proven: only tombstones and objects that such a receiver stores just as they are.
--verb auto asks with SSYNC, and with REPLICATION where that is answered with 405.

What the receiver holds a body against, where it is ringsyncd too and allows it:
--verify md5, its ETag, as Swift does; stored, an xxhash64 that was stored beside it
when it was received here, for a third of the CPU in all; none, nothing, and then no
object is proven, and the next session that checks sends it again. Bodies of 64 KiB or less are always held against their ETag, but for none.`,
		Example: `  ringsync push --to 10.0.0.7:6200 --devices /srv/node --device sda
  ringsync push --to 127.0.0.1:6200 --devices /srv/node --device sda --partition 13,14 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "HOST:PORT of the receiver's replication address")
	f.StringVar(&o.devices, "devices", "/srv/node", "directory that the devices are mounted in")
	f.StringVar(&o.device, "device", "", "the local device")
	f.StringVar(&o.remoteDevice, "remote-device", "", "the receiver's device (default: as the local one)")
	f.StringVar(&o.partitions, "partition", "all", "partitions, as N[,N…] or all")
	f.IntVar(&o.policy, "policy", 0, "index of the storage policy")
	f.StringVar(&o.suffixes, "suffixes", "", "only these suffixes, as abc,def")
	f.StringVar(&o.swiftDir, "swift-dir", "/etc/swift", "directory of swift.conf")
	f.IntVar(&o.maxObjects, "max-objects", 0, "offer at most so many objects of each partition; 0 is no limit")
	f.IntVar(&o.sessions, "sessions", 1, "partitions side by side")
	f.StringVar(&o.verb, "verb", "SSYNC", "SSYNC, REPLICATION (Swift before 2.3), or auto")
	f.BoolVar(&o.mountCheck, "mount-check", false, "refuse a device that is not mounted")
	f.DurationVar(&o.reclaimAge, "reclaim-age", 7*24*time.Hour, "age at which tombstones go; the same on all nodes")
	f.StringVar(&o.stateDir, "state-dir", "/run/ringsync", "where ringsyncd remembers suspect devices, from which nothing is offered")
	f.BoolVar(&o.sender.MD5, "sender-md5", false, "check each body against its ETag here too, as Swift does; the receiver does in any case")
	f.DurationVar(&o.sender.ConnTimeout, "conn-timeout", 5*time.Second, "wait for the connection")
	f.DurationVar(&o.sender.NodeTimeout, "node-timeout", 60*time.Second, "wait for the response head and for each send")
	f.DurationVar(&o.sender.HTTPTimeout, "http-timeout", 60*time.Second, "wait for each line of the receiver")
	f.StringVar(&o.verify, "verify", string(ssync.VerifyStored), "what bodies are held against at the least, where the receiver is ringsync and says so too: md5, stored or none")
	o.tuning.add(f)
	f.IntVar(&o.sender.ChunkBytes, "chunk-bytes", 1<<20, "payload of a full chunk, at most 1 MiB and a little")
	f.StringVar(&o.congestion, "tcp-congestion", "", "TCP congestion control (default: the system's)")
	f.BoolVar(&o.asJSON, "json", false, "print the figures as JSON")
	cmd.MarkFlagRequired("to")
	cmd.MarkFlagRequired("device")
	return cmd
}

// pushReport is what push prints.
type pushReport struct {
	Partitions int            `json:"partitions"`
	Sessions   int            `json:"sessions"`
	Offered    int            `json:"offered"`
	Wanted     int            `json:"wanted"`
	Sent       int            `json:"sent"`
	Proven     int            `json:"proven"`
	NotSent    int            `json:"not_sent"`
	Failed     int            `json:"failed"`
	Unproven   int            `json:"unproven"`
	Bytes      int64          `json:"bytes"`
	Verified   ssync.Verified `json:"verified"`
	Features   string         `json:"features"`
	Seconds    float64        `json:"seconds"`
	Ways       engine.Ways    `json:"ways"`
	ZeroCopy   string         `json:"zero_copy"`
	Limited    bool           `json:"limited"`
	Errors     []string       `json:"errors,omitempty"`
	failures   int
}

// maxErrors bounds what is printed of a push in which everything fails.
const maxErrors = 20

func (r *pushReport) add(p *ssync.Result) {
	r.Partitions++
	r.Sessions += p.Sessions
	r.Offered += p.Offered
	r.Wanted += p.Wanted
	r.Sent += p.Sent
	r.Proven += p.Proven
	r.NotSent += p.NotSent
	r.Failed += p.Failed
	r.Unproven += p.Unproven
	r.Bytes += p.Bytes
	r.addWays(p)
	r.Verified.Add(p.Verified)
	r.Features = p.Features.String()
	r.Limited = r.Limited || p.Limited
	if p.Err != nil {
		r.failures++
		if len(r.Errors) < maxErrors {
			r.Errors = append(r.Errors, p.Err.Error())
		}
	}
}

func (r *pushReport) print(w io.Writer) {
	rate := max(r.Seconds, 1e-9)
	fmt.Fprintf(w, "offered %d, wanted %d, sent %d, proven %d, not sent %d, failed %d\n", r.Offered, r.Wanted, r.Sent, r.Proven, r.NotSent, r.Failed)
	fmt.Fprintf(w, "%d partitions, %d sessions, %d bytes in %.2f s: %.0f objects/s, %.1f MB/s\n", r.Partitions, r.Sessions, r.Bytes, r.Seconds, float64(r.Offered)/rate, float64(r.Bytes)/rate/1e6)
	if r.Verified != (ssync.Verified{}) {
		fmt.Fprintf(w, "bodies held against: %s; agreed on: %s\n", r.Verified, cmp.Or(r.Features, "nothing"))
	}
	if r.Unproven > 0 {
		fmt.Fprintf(w, "not proven: %d, of which this receiver, being old or told so, compares, keeps or checks less than they are\n", r.Unproven)
	}
	r.printWays(w)
	for _, e := range r.Errors {
		fmt.Fprintln(w, "failed:", e)
	}
}

func (o *pushOptions) run(ctx context.Context, w io.Writer) error {
	device, policy, err := o.open()
	if err != nil {
		return err
	}
	defer device.Close()
	if err := device.CheckSecret(ctx); err != nil {
		return err
	}
	numbers, err := o.numbers(device, policy)
	if err != nil {
		return err
	}
	suffixes, err := parseSuffixes(o.suffixes)
	if err != nil {
		return err
	}
	if o.speaks, err = o.parseVerb(); err != nil {
		return err
	}
	if o.sender.Verify, err = ssync.ParseVerify(o.verify); err != nil {
		return fmt.Errorf("--verify %w", err)
	}
	sender, end, err := o.newSender()
	if err != nil {
		return err
	}
	defer end()
	report, err := o.push(ctx, sender, device, policy, numbers, suffixes)
	if o.asJSON {
		return errors.Join(json.NewEncoder(w).Encode(report), err)
	}
	report.print(w)
	return err
}

func (o *pushOptions) open() (*store.Device, hashes.Policy, error) {
	cluster, err := readCluster(o.swiftDir)
	if err != nil {
		return nil, hashes.Policy{}, err
	}
	policy, ok := cluster.Policy(o.policy)
	if !ok || policy.Kind != hashes.Replication {
		return nil, policy, fmt.Errorf("--policy %d: not a replication policy of %s/swift.conf", o.policy, o.swiftDir)
	}
	s, err := store.New(store.Config{
		Devices: o.devices, Cluster: cluster, MountCheck: o.mountCheck, ReclaimAge: o.reclaimAge, StateDir: o.stateDir,
		Notice: func(n store.Notice) { fmt.Fprintf(os.Stderr, "device %s: %s\n", n.Device, n.Text) },
	})
	if err != nil {
		return nil, policy, err
	}
	device, err := s.Device(o.device)
	return device, policy, err
}

func (o *pushOptions) numbers(device *store.Device, policy hashes.Policy) ([]uint32, error) {
	if o.partitions == "all" {
		numbers, err := device.Partitions(policy)
		slices.Sort(numbers)
		return numbers, err
	}
	var numbers []uint32
	for word := range strings.SplitSeq(o.partitions, ",") {
		n, err := store.ParsePartition(strings.TrimSpace(word))
		if err != nil {
			return nil, fmt.Errorf("--partition: %w", err)
		}
		there, err := device.Partition(policy, n).Exists()
		if err != nil {
			return nil, err
		}
		if !there {
			return nil, fmt.Errorf("--partition: %s is not there", device.Partition(policy, n).Path())
		}
		numbers = append(numbers, n)
	}
	return numbers, nil
}

func parseSuffixes(text string) ([]proto.Suffix, error) {
	if text == "" {
		return nil, nil
	}
	var suffixes []proto.Suffix
	for word := range strings.SplitSeq(text, ",") {
		s, err := proto.ParseSuffix(strings.TrimSpace(word))
		if err != nil {
			return nil, fmt.Errorf("--suffixes: %w", err)
		}
		suffixes = append(suffixes, s)
	}
	slices.Sort(suffixes)
	return slices.Compact(suffixes), nil
}

// parseVerb reads --verb; auto is SSYNC with a way back.
func (o *pushOptions) parseVerb() (ssync.Verb, error) {
	switch strings.ToUpper(o.verb) {
	case "AUTO":
		o.sender.FallBack = true
		return ssync.SSYNC, nil
	case ssync.SSYNC.String(), ssync.REPLICATION.String():
		return ssync.Verb(strings.ToUpper(o.verb)), nil
	}
	return "", fmt.Errorf("--verb %.32q: SSYNC, REPLICATION or auto", o.verb)
}

// newSender returns a sender, and what ends it when its sessions have.
func (o *pushOptions) newSender() (*ssync.Sender, func() error, error) {
	o.sessions = max(1, o.sessions)
	pool, moves, err := o.tuning.engine(o.sessions)
	if err != nil {
		return nil, nil, err
	}
	dialer := &net.Dialer{Control: ssync.Socket{Congestion: o.congestion, UserTimeout: o.sender.NodeTimeout}.Control}
	o.sender.Pool, o.sender.Engine = pool, moves
	o.sender.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	o.sender.Dialer = func(ctx context.Context, address string) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", address)
	}
	sender, err := ssync.NewSender(o.sender)
	return sender, func() error { return errors.Join(moves.Close(), pool.Close()) }, err
}

// push sends the partitions, some side by side, and sums up. What failed is
// named in the report, and once more in short by the error.
func (o *pushOptions) push(ctx context.Context, sender *ssync.Sender, device *store.Device, policy hashes.Policy, numbers []uint32, suffixes []proto.Suffix) (*pushReport, error) {
	remote := o.remoteDevice
	if remote == "" {
		remote = o.device
	}
	var progress ssync.Progress
	stop := func() {}
	if !o.asJSON && isTerminal(os.Stderr) {
		stop = redraw(os.Stderr, func(elapsed time.Duration) string { return progressLine(&progress, elapsed) })
	}
	var report pushReport
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(o.sessions)
	start := time.Now()
	for _, n := range numbers {
		if ctx.Err() != nil {
			break
		}
		g.Go(func() error {
			r := pushOne(ctx, sender, ssync.Job{
				Verb: o.speaks, To: o.to, Device: remote, Partition: device.Partition(policy, n),
				Suffixes: suffixes, MaxObjects: o.maxObjects, Progress: &progress,
			})
			mu.Lock()
			defer mu.Unlock()
			report.add(r)
			return nil
		})
	}
	g.Wait()
	stop()
	report.Seconds = time.Since(start).Seconds()
	if err := context.Cause(ctx); err != nil {
		return &report, fmt.Errorf("stopped after %d of %d partitions: %w", report.Partitions, len(numbers), err)
	}
	if report.failures > 0 {
		return &report, fmt.Errorf("%d of %d partitions failed", report.failures, report.Partitions)
	}
	return &report, nil
}

func pushOne(ctx context.Context, sender *ssync.Sender, job ssync.Job) *ssync.Result {
	if job.Suffixes == nil {
		var err error
		if job.Suffixes, err = job.Partition.Suffixes(); err != nil {
			return &ssync.Result{Err: err}
		}
	}
	return sender.Push(ctx, job)
}

// redraw shows a line, anew every quarter of a second, until stop is called.
func redraw(w io.Writer, line func(elapsed time.Duration) string) (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	start := time.Now()
	go func() {
		defer close(gone)
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				fmt.Fprint(w, "\r\x1b[K")
				return
			case <-tick.C:
				fmt.Fprint(w, "\r\x1b[K"+line(time.Since(start)))
			}
		}
	}()
	return func() { close(done); <-gone }
}

// progressLine tells what is done, how fast, and how long the rest of what is
// wanted so far will take at that rate.
func progressLine(p *ssync.Progress, elapsed time.Duration) string {
	sent, wanted := p.Sent.Load()+p.LeftOut.Load(), p.Wanted.Load()
	rate := float64(sent) / max(elapsed.Seconds(), 1e-3)
	left := "-"
	if rate > 0 {
		left = (time.Duration(float64(wanted-sent)/rate) * time.Second).String()
	}
	return fmt.Sprintf("offered %d  sent %d of %d  %.1f MB  %.0f objects/s  %.1f MB/s  left %s",
		p.Offered.Load(), sent, wanted, float64(p.Bytes.Load())/1e6, rate, float64(p.Bytes.Load())/1e6/max(elapsed.Seconds(), 1e-3), left)
}
