package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ringsync/ringsync/dataplane/verify"
	"github.com/spf13/cobra"
)

func newVerifyCommand() *cobra.Command {
	var swiftDir string
	var policy int
	var asJSON bool
	var cfg verify.Config
	cmd := &cobra.Command{
		Use:   "verify A B",
		Short: "Compare two device directories, object by object",
		Long: `verify compares two devices, given as DEVICES/DEVICE: names, timestamps, metadata,
tombstones, each body on both sides against its ETag and length, and litter in tmp.
It changes nothing, and ends with 1 if anything differs.`,
		Example: "  ringsync verify /srv/node/sda /mnt/other/sda",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			cfg.A, cfg.B = args[0], args[1]
			if cfg.Cluster, err = readCluster(swiftDir); err != nil {
				return err
			}
			var known bool
			if cfg.Policy, known = cfg.Cluster.Policy(policy); !known {
				return fmt.Errorf("--policy %d: not in %s/swift.conf", policy, swiftDir)
			}
			report, err := verify.Trees(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			if report.Count > 0 {
				err = fmt.Errorf("%d differences", report.Count)
			}
			out := cmd.OutOrStdout()
			if asJSON {
				return errors.Join(json.NewEncoder(out).Encode(report), err)
			}
			for _, d := range report.Differences {
				fmt.Fprintln(out, "differs:", d)
			}
			fmt.Fprintf(out, "%d objects, %d tombstones, %d bytes read, %d differences in %.2f s\n", report.Objects, report.Tombstones, report.Bytes, report.Count, report.Seconds)
			if report.Unchecked > 0 {
				fmt.Fprintf(out, "%d bodies are marked as received unchecked (--verify none); here they were read against their ETags\n", report.Unchecked)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&swiftDir, "swift-dir", "/etc/swift", "directory of swift.conf")
	f.IntVar(&policy, "policy", 0, "index of the storage policy")
	f.BoolVar(&cfg.Subset, "subset", false, "B may hold objects that A lacks")
	f.BoolVar(&asJSON, "json", false, "print the figures as JSON")
	return cmd
}
