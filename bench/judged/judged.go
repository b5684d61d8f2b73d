// Package judged starts what the conformance suite is to judge on this machine: a
// real Swift or ringsync itself, in either seat, on loopback, and in as many
// configurations as the scripts ask for. It is for the suite's own report and for
// tests; who judges his own ssync needs none of it.
package judged

import (
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/ringsync/ringsync/dataplane/conformance"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sync/errgroup"
)

// Config is what all that is judged has in common.
type Config struct {
	Cluster  *hashes.Cluster
	SwiftDir string   // where Cluster was read
	Dir      string   // for disks; must take user xattrs
	Only     string   // pattern of scripts; all
	Require  bool     // the verb of 2013 must be spoken
	Verbs    []string // that a sender speaks

	Show func(conformance.Result) // is told of each result at once; may be nil
}

// Judged is somebody who can sit in both seats.
type judged interface {
	receiver(ctx context.Context, c Config) (*conformance.Report, error)
	sender(ctx context.Context, c Config) (*conformance.Report, error)
}

// both judges both seats.
func both(ctx context.Context, j judged, c Config) ([]*conformance.Report, error) {
	receiver, err := j.receiver(ctx, c)
	if err != nil {
		return nil, err
	}
	sender, err := j.sender(ctx, c)
	return []*conformance.Report{receiver, sender}, err
}

func (c Config) add(report *conformance.Report, r conformance.Result) {
	report.Results = append(report.Results, r)
	if c.Show != nil {
		c.Show(r)
	}
}

// settings are those of one process that is started, by their Swift names.
type settings map[string]string

// fits tells whether a script that needs something can be played with them.
func (s settings) fits(script *conformance.Script) bool {
	return !slices.ContainsFunc(script.Needs, func(n conformance.Need) bool {
		value, known := s[n.Key]
		return n.Key != "disk" && (!known || n.Value != "" && n.Value != value)
	})
}

// pick deals the scripts out: each to the first settings that it can be played
// with, those that fit none to the first.
func pick(scripts []*conformance.Script, all []settings) [][]*conformance.Script {
	dealt := make([][]*conformance.Script, len(all))
	for _, script := range scripts {
		i := max(0, slices.IndexFunc(all, func(s settings) bool { return s.fits(script) }))
		dealt[i] = append(dealt[i], script)
	}
	return dealt
}

// receiverSettings are those of the receivers that are started one after the other.
// The first is what most scripts are played to: patient, so that a busy machine
// makes no difference.
var receiverSettings = []settings{
	{},
	{"client_timeout": "1"},
	{"replication_lock_timeout": "1", "replication_concurrency_per_device": "1"},
	{"replication_concurrency": "1", "replication_concurrency_per_device": "0"},
	{"replication_server": "false"},
}

// receiver is a running one.
type receiver struct {
	addr string
	stop func() error
}

// startReceiver starts one over a directory of devices; nil, without an error, if
// what is judged has no such settings.
type startReceiver func(ctx context.Context, devices string, s settings) (*receiver, error)

// receive plays the receivers' scripts.
func (c Config) receive(ctx context.Context, name string, start startReceiver) (*conformance.Report, error) {
	scripts, err := conformance.Scripts(conformance.Receiver, c.Only)
	if err != nil {
		return nil, err
	}
	report := &conformance.Report{Implementation: name, Seat: conformance.Receiver}
	for i, dealt := range pick(scripts, receiverSettings) {
		if len(dealt) == 0 {
			continue
		}
		if err := c.receiveWith(ctx, start, receiverSettings[i], dealt, report); err != nil {
			return nil, err
		}
	}
	sortResults(report, scripts)
	return report, nil
}

func (c Config) receiveWith(ctx context.Context, start startReceiver, s settings, scripts []*conformance.Script, report *conformance.Report) (err error) {
	devices, remove, err := makeDevices(c.Dir)
	if err != nil {
		return err
	}
	defer remove()
	running, err := start(ctx, devices, s)
	if err != nil {
		return err
	}
	cfg := conformance.ReceiverConfig{Device: device, Cluster: c.Cluster, Devices: devices, Settings: maps.Clone(s), Require: c.Require}
	if running == nil {
		cfg.Settings = nil // every script tells what it lacks
	} else {
		cfg.Addr = running.addr
		defer func() {
			if stopped := running.stop(); err == nil {
				err = stopped
			}
		}()
	}
	for _, script := range scripts {
		c.add(report, conformance.Receive(ctx, cfg, script))
	}
	return nil
}

// senderSettings are those of the senders.
var senderSettings = []settings{{}, {"http_timeout": "1", "node_timeout": "1"}}

// newSender makes one that pushes with the given settings.
type newSender func(s settings) func(context.Context, conformance.Target) error

// send plays the senders' scripts.
func (c Config) send(ctx context.Context, name string, sender newSender) (*conformance.Report, error) {
	scripts, err := conformance.Scripts(conformance.Sender, c.Only)
	if err != nil {
		return nil, err
	}
	report := &conformance.Report{Implementation: name, Seat: conformance.Sender}
	for i, dealt := range pick(scripts, senderSettings) {
		cfg := conformance.SenderConfig{Run: sender(senderSettings[i]), Cluster: c.Cluster, Dir: c.Dir, Settings: senderSettings[i], Verbs: c.Verbs}
		c.sendAll(ctx, cfg, dealt, report)
	}
	sortResults(report, scripts)
	return report, nil
}

// sendAll lets as many senders run side by side as there are processors: each has
// a disk and a port of its own.
func (c Config) sendAll(ctx context.Context, cfg conformance.SenderConfig, scripts []*conformance.Script, report *conformance.Report) {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	for _, script := range scripts {
		g.Go(func() error {
			result := conformance.Send(ctx, cfg, script)
			mu.Lock()
			defer mu.Unlock()
			c.add(report, result)
			return nil
		})
	}
	g.Wait()
}

// sortResults puts the results into the order of the scripts.
func sortResults(r *conformance.Report, scripts []*conformance.Script) {
	at := map[string]int{}
	for i, s := range scripts {
		at[s.Name] = i
	}
	slices.SortStableFunc(r.Results, func(a, b conformance.Result) int { return at[a.Script] - at[b.Script] })
}

// device is the name of the only device.
const device = "d1"

// errorf wraps an error with what was being started.
func errorf(what string, err error) error { return fmt.Errorf("judged: %s: %w", what, err) }
