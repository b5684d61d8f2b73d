// Command ringsync pushes, compares and shows what ringsync does: flags and
// output; the rest is in the rooms below.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"

	"github.com/ringsync/ringsync/cmd/internal/cores"
	"github.com/ringsync/ringsync/hashes"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

func main() {
	unix.Umask(0o022)
	cores.Use()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(asSwift(os.Args))
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "ringsync:", err)
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "ringsync",
		Short:         "Replicate OpenStack Swift objects between storage nodes",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newPushCommand(), newVerifyCommand(), newInspectCommand(), newRingCommand(), newDoctorCommand(), newReplicateCommand(), newStatusCommand(), newDemoCommand(), newBenchCommand(), newConformanceCommand(), newVersionCommand())
	return root
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this build",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			version := "unknown"
			if info, ok := debug.ReadBuildInfo(); ok {
				version = info.Main.Version
			}
			fmt.Fprintln(cmd.OutOrStdout(), "ringsync", version)
		},
	}
}

// readCluster reads swift.conf.
func readCluster(swiftDir string) (*hashes.Cluster, error) {
	path := filepath.Join(swiftDir, "swift.conf")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--swift-dir: %w", err)
	}
	cluster, err := hashes.ParseSwiftConf(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cluster, nil
}

// isTerminal tells whether progress is worth showing there.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
