package judged

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/dataplane/conformance"
)

// Swift is a real one, in processes of its own.
type Swift struct {
	*peer.Swift
	Name string    // in the report
	Log  io.Writer // of the object server; nil: dropped
}

// Judge judges Swift's object server and its ssync sender.
func (s Swift) Judge(ctx context.Context, c Config) ([]*conformance.Report, error) {
	return both(ctx, s, c)
}

func (s Swift) receiver(ctx context.Context, c Config) (*conformance.Report, error) {
	return c.receive(ctx, s.Name, func(ctx context.Context, devices string, set settings) (*receiver, error) {
		server, err := s.StartObjectServer(ctx, peer.ServerConfig{SwiftDir: c.SwiftDir, Devices: devices, Set: maps.Clone(set), Log: s.Log})
		if err != nil {
			return nil, err
		}
		return &receiver{addr: server.Addr(), stop: server.Stop}, nil
	})
}

func (s Swift) sender(ctx context.Context, c Config) (*conformance.Report, error) {
	return c.send(ctx, s.Name, func(set settings) func(context.Context, conformance.Target) error {
		return func(ctx context.Context, t conformance.Target) error {
			if t.Verb != "SSYNC" {
				return fmt.Errorf("verb %s: not this Swift's", t.Verb)
			}
			report, err := s.Send(ctx, peer.SendConfig{
				SwiftDir: c.SwiftDir, Devices: t.Devices, Device: t.Device, To: t.Host + ":" + t.Port, Policy: t.Policy,
				Partitions: []string{strconv.FormatUint(uint64(t.Partition), 10)}, Timeout: set.seconds("http_timeout"),
			})
			if err == nil && !report.Success {
				err = errors.New(strings.Join(report.Errors, "; "))
			}
			return err
		}
	})
}
