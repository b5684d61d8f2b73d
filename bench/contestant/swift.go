package contestant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/ringsync/ringsync/bench/measure"
	"github.com/ringsync/ringsync/bench/peer"
)

const (
	swiftDigest  = "MD5 against the ETag, at both ends"
	swiftDurable = "file and xattrs before its name, directories before the answer; directories' errors are only logged"
)

// swiftReceive starts Swift's object server, a worker for each processor, as it
// does by itself.
func (k *Kit) swiftReceive(ctx context.Context, j *Job) (*Receiver, error) {
	s, err := k.Swift.StartObjectServer(ctx, peer.ServerConfig{
		SwiftDir: j.SwiftDir, Devices: j.Target, Workers: runtime.NumCPU(), Log: io.Discard})
	if err != nil {
		return nil, err
	}
	return &Receiver{Address: s.Addr(), PIDs: []int{s.PID()}, stop: []func() error{s.Stop}}, nil
}

// swiftSend sends with Swift's own Sender, a process for each session.
func (k *Kit) swiftSend(ctx context.Context, j *Job, r *Receiver) (Sent, error) {
	report, err := k.Swift.Send(ctx, peer.SendConfig{
		SwiftDir: j.SwiftDir, Devices: j.Source, Device: j.Device, To: r.Address, Processes: j.Sessions, Ready: j.Begin})
	if err != nil {
		return Sent{}, err
	}
	if !report.Success {
		return Sent{}, fmt.Errorf("the Sender of Swift: %s", strings.Join(report.Errors, "; "))
	}
	return sentBy(int(report.Offered), int(report.Wanted), report.Usage), nil
}

func sentBy(offered, wanted int, u peer.Usage) Sent {
	return Sent{Offered: offered, Wanted: wanted, Seconds: u.Wall,
		Ended: measure.Ended{CPU: measure.CPU{User: u.UserCPU, System: u.SystemCPU}, PeakBytes: u.PeakBytes, Switches: u.Switches}}
}

// replicatorReceive starts what a node has that Swift replicates to with rsync: an
// rsync daemon, and an object server that is asked for digests.
func (k *Kit) replicatorReceive(ctx context.Context, j *Job) (*Receiver, error) {
	r, err := k.swiftReceive(ctx, j)
	if err != nil {
		return nil, err
	}
	if err := k.startDaemon(ctx, j, r); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}
