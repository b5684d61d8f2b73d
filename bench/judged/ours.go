package judged

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/conformance"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
)

// Ours is ringsync, in this process.
type Ours struct {
	Name string // in the report
	Log  *slog.Logger
}

// Judge judges our node and our sender.
func (o Ours) Judge(ctx context.Context, c Config) ([]*conformance.Report, error) {
	c.Verbs = []string{"SSYNC", "REPLICATION"}
	return both(ctx, o, c)
}

func (o Ours) receiver(ctx context.Context, c Config) (*conformance.Report, error) {
	return c.receive(ctx, o.Name, func(ctx context.Context, devices string, s settings) (*receiver, error) {
		if s["replication_server"] == "false" {
			return nil, nil // a node of ours is there for nothing else
		}
		return o.start(ctx, c, devices, s)
	})
}

func (o Ours) start(ctx context.Context, c Config, devices string, s settings) (*receiver, error) {
	st, err := store.New(store.Config{Devices: devices, Cluster: c.Cluster})
	if err != nil {
		return nil, err
	}
	node, err := dataplane.New(dataplane.Config{Store: st, Log: o.Log, Receiver: ssync.ReceiverConfig{
		ClientTimeout: s.seconds("client_timeout"), LockTimeout: s.seconds("replication_lock_timeout"),
		Concurrency: s.number("replication_concurrency"), PerDevice: s.perDevice(),
	}})
	if err != nil {
		return nil, err
	}
	l, err := node.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	return &receiver{addr: l.Addr().String(), stop: func() error {
		l.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return errors.Join(<-served, node.Shutdown(ctx))
	}}, nil
}

// perDevice is the setting as a field of ours has it: there 0 is the default.
func (s settings) perDevice() int {
	if s["replication_concurrency_per_device"] == "0" {
		return -1
	}
	return s.number("replication_concurrency_per_device")
}

// number is a setting; 0, the default of every field, where it is none.
func (s settings) number(key string) int {
	n, _ := strconv.Atoi(s[key])
	return n
}

func (s settings) seconds(key string) time.Duration {
	return time.Duration(s.number(key)) * time.Second
}

func (o Ours) sender(ctx context.Context, c Config) (*conformance.Report, error) {
	return c.send(ctx, o.Name, func(s settings) func(context.Context, conformance.Target) error {
		return func(ctx context.Context, t conformance.Target) error { return o.push(ctx, c, s, t) }
	})
}

// push is one run of our sender.
func (o Ours) push(ctx context.Context, c Config, s settings, t conformance.Target) (err error) {
	policy, known := c.Cluster.Policy(t.Policy)
	if !known {
		return fmt.Errorf("policy %d: not of this cluster", t.Policy)
	}
	st, err := store.New(store.Config{Devices: t.Devices, Cluster: c.Cluster})
	if err != nil {
		return err
	}
	d, err := st.Device(t.Device)
	if err != nil {
		return err
	}
	defer d.Close()
	pool, err := buffer.New(buffer.Config{Count: 3})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	sender, err := ssync.NewSender(ssync.SenderConfig{
		Pool: pool, Log: o.Log, ConnTimeout: 5 * time.Second, NodeTimeout: s.seconds("node_timeout"), HTTPTimeout: s.seconds("http_timeout"),
	})
	if err != nil {
		return err
	}
	p := d.Partition(policy, t.Partition)
	suffixes, err := p.Suffixes()
	if err != nil {
		return err
	}
	return sender.Push(ctx, ssync.Job{To: t.Host + ":" + t.Port, Device: t.Device, Verb: ssync.Verb(t.Verb), Partition: p, Suffixes: suffixes}).Err
}
