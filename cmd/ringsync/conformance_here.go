package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/ringsync/ringsync/bench/judged"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/dataplane/conformance"
	"github.com/ringsync/ringsync/hashes"
)

// place is where disks may be made.
func (o *conformanceOptions) place() (string, error) {
	if o.dir != "" {
		return o.dir, nil
	}
	return judged.Dir()
}

// judgeHere starts what is to be judged, over a cluster of its own.
func (o *conformanceOptions) judgeHere(ctx context.Context, show func(conformance.Result)) ([]*conformance.Report, error) {
	swiftDir, err := os.MkdirTemp("", "ringsync-conformance-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(swiftDir)
	if err := peer.WriteSwiftConf(swiftDir, peer.WithErasureCoding()); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(swiftDir, "swift.conf"))
	if err != nil {
		return nil, err
	}
	cfg := judged.Config{SwiftDir: swiftDir, Only: o.only, Show: show}
	if cfg.Cluster, err = hashes.ParseSwiftConf(text); err != nil {
		return nil, err
	}
	if cfg.Dir, err = o.place(); err != nil {
		return nil, err
	}
	if o.self {
		return judged.Ours{Name: o.called("ringsync"), Log: slog.New(slog.DiscardHandler)}.Judge(ctx, cfg)
	}
	swift, err := peer.Find(ctx)
	if err != nil {
		return nil, err
	}
	return judged.Swift{Swift: swift, Name: o.called("Swift " + swift.Version)}.Judge(ctx, cfg)
}

func (o *conformanceOptions) called(name string) string {
	if o.name != "" {
		return o.name
	}
	return name
}
