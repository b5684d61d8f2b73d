package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/ringsync/ringsync/bench"
	"github.com/spf13/cobra"
)

func newBenchCommand() *cobra.Command {
	var cfg bench.Config
	var write string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure replication, ours and Swift's, in the same run",
		Long: `bench replicates small objects (S), large ones (L) and nothing at all (N) from ours
to ours, from Swift to ours, from ours to Swift and from Swift to Swift, in turns.
Every run's result is compared with its source before it counts. Without a Swift
(Debian: swift-object) only ours to ours is measured, and that is said.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if write != "" && len(cfg.Only) > 0 {
				return errors.New("--write wants all workloads, so that the tables are of one run: leave --only out")
			}
			cfg.Out = os.Stderr
			report, err := bench.Run(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(report)
			}
			fmt.Fprint(cmd.OutOrStdout(), report.Markdown())
			if write != "" {
				return report.Write(write)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Dir, "dir", "/var/tmp", "where the disks are made; its fsync should be real, and it must take user xattrs")
	f.IntVar(&cfg.Runs, "runs", 3, "runs of each pairing")
	f.IntVar(&cfg.Small, "small", 4000, "objects of 4 KiB to be sent")
	f.IntVar(&cfg.Large, "large", 8, "objects of 64 MiB")
	f.IntVar(&cfg.Idle, "idle", 20_000, "objects of 4 KiB that are there already")
	f.StringSliceVar(&cfg.Only, "only", nil, "workloads, of S,L,N (default: all)")
	f.StringVar(&cfg.Congestion, "tcp-congestion", "", "TCP congestion control of our connections (default: the system's)")
	f.BoolVar(&cfg.RequirePeer, "require-swift", false, "fail without a Swift")
	f.StringVar(&write, "write", "", "also replace the tables in this document, between its markers")
	f.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}
