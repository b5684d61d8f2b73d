package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"time"

	"github.com/ringsync/ringsync/bench/demo"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/spf13/cobra"
)

func newDemoCommand() *cobra.Command {
	var cfg demo.Config
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Replicate between two nodes in a temporary directory, and verify it",
		Long: `demo makes two nodes in a temporary directory, fills one with objects of mixed
sizes, metadata updates and tombstones, replicates them over loopback, replicates
again to show that nothing is sent, changes a few and replicates those, and
compares both trees, body by body. It needs nothing installed and no root.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Progress = &ssync.Progress{}
			stop := func() {}
			if cfg.Out = cmd.OutOrStdout(); asJSON {
				cfg.Out = io.Discard
			} else if isTerminal(os.Stderr) {
				stop = redraw(os.Stderr, func(elapsed time.Duration) string { return progressLine(cfg.Progress, elapsed) })
			}
			report, err := demo.Run(cmd.Context(), cfg)
			stop()
			if asJSON {
				err = errors.Join(err, json.NewEncoder(cmd.OutOrStdout()).Encode(report))
			}
			return err
		},
	}
	f := cmd.Flags()
	f.IntVar(&cfg.Objects, "objects", 2000, "objects that the first node is filled with")
	f.Uint64Var(&cfg.Seed, "seed", 1, "seed of the data set")
	f.BoolVar(&cfg.Keep, "keep", false, "leave the directory behind")
	f.BoolVar(&asJSON, "json", false, "print the figures as JSON")
	return cmd
}
