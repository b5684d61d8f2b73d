package interop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine/enginetest"
	"github.com/ringsync/ringsync/dataplane/limit"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/proto"
)

// pushed is what a sender says of a push.
type pushed struct {
	offered, wanted, failed int
	err                     error          // of one of its sessions
	verified                ssync.Verified // of ours alone
	features                proto.Features
	sessions                map[string]session
}

// session is what a sender says of a partition.
type session struct {
	wanted int
	err    string
}

func ourPush(r *rig, devices, to string, only ...string) pushed {
	return ourPushAs(r, ssync.SSYNC, devices, to, only...)
}

func ourPushAs(r *rig, verb ssync.Verb, devices, to string, only ...string) pushed {
	return ourPushWithin(r, nil, verb, devices, to, only...)
}

func ourPushWithin(r *rig, limits *limit.Set, verb ssync.Verb, devices, to string, only ...string) pushed {
	d, err := r.store(devices).Device(device)
	if err != nil {
		r.t.Fatal(err)
	}
	defer d.Close()
	pool, err := buffer.New(buffer.Config{Count: 5})
	if err != nil {
		r.t.Fatal(err)
	}
	moves := enginetest.FromEnv(r.t, pool)
	sender, err := ssync.NewSender(ssync.SenderConfig{Pool: pool, Engine: moves, Log: r.log, ConnTimeout: 5e9, NodeTimeout: 60e9, Limits: limits})
	if err != nil {
		r.t.Fatal(err)
	}
	numbers, err := d.Partitions(r.cluster.Policies[0])
	if err != nil {
		r.t.Fatal(err)
	}
	sum := pushed{sessions: map[string]session{}}
	for _, n := range numbers {
		if len(only) > 0 && !slices.Contains(only, fmt.Sprint(n)) {
			continue
		}
		p := d.Partition(r.cluster.Policies[0], n)
		suffixes, err := p.Suffixes()
		if err != nil {
			r.t.Fatal(err)
		}
		result := sender.Push(context.Background(), ssync.Job{Verb: verb, To: to, Device: device, Partition: p, Suffixes: suffixes})
		sum.offered += result.Offered
		sum.wanted += result.Wanted
		sum.failed += result.Failed
		sum.verified.Add(result.Verified)
		sum.features |= result.Features
		one := session{wanted: result.Wanted}
		if result.Err != nil {
			sum.err, one.err = result.Err, result.Err.Error()
		}
		sum.sessions[fmt.Sprint(n)] = one
		if unproven := result.Unproven; result.Err == nil && (result.Proven+result.NotSent+unproven != result.Offered || unproven > 0 && verb == ssync.SSYNC) {
			r.t.Errorf("partition %d: %d proven, %d not proven and %d not sent of %d offered", n, result.Proven, unproven, result.NotSent, result.Offered)
		}
	}
	if err := errors.Join(moves.Close(), pool.Close()); err != nil {
		r.t.Error(err)
	}
	return sum
}

func swiftPush(r *rig, devices, to string, only ...string) pushed {
	return swiftPushOf(r, peer.SendConfig{Devices: devices, To: to, Partitions: only})
}

func swiftPushOf(r *rig, cfg peer.SendConfig) pushed {
	cfg.SwiftDir, cfg.Device, cfg.Trace = r.swiftDir, device, true
	report, err := r.swift.Send(context.Background(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	sum := pushed{offered: int(report.Offered), wanted: int(report.Wanted), sessions: map[string]session{}}
	for _, event := range report.Trace {
		if event.Kind == "wanted" {
			one := sum.sessions[event.Partition]
			one.wanted++
			sum.sessions[event.Partition] = one
		}
	}
	for _, text := range report.Errors {
		where := strings.Split(strings.Fields(text)[0], "/") // HOST:PORT/device/partition
		number := where[len(where)-1]
		sum.sessions[number] = session{sum.sessions[number].wanted, text}
	}
	if !report.Success {
		sum.err = fmt.Errorf("%s", strings.Join(report.Errors, "; "))
	}
	return sum
}

// pairings are who sends to whom. Swift to Swift is package peer's own test.
var pairings = []struct {
	name    string
	push    func(r *rig, devices, to string, only ...string) pushed
	receive func(*rig, string) string
}{
	{oursToSwift, ourPush, swiftServer},
	{swiftToOurs, swiftPush, ourNode},
	{"ours to ours", ourPush, ourNode},
}

const oursToSwift, swiftToOurs = "ours to Swift", "Swift to ours"
