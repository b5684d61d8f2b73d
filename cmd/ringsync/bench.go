package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/ringsync/ringsync/bench"
	"github.com/ringsync/ringsync/bench/contestant"
	"github.com/ringsync/ringsync/bench/medium"
	"github.com/ringsync/ringsync/bench/report"
	"github.com/ringsync/ringsync/bench/workload"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// benchOptions are bench's flags; the pick is what is measured by hand.
type benchOptions struct {
	cfg         bench.Config
	pick        bench.Pick
	suite       string
	scaleAll    float64
	parts       []string
	shared      bool
	write, save string
	asJSON      bool
}

func newBenchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure replication: ours, Swift's and rsync's, in the same run",
		Long: `bench lets ringsync, a real Swift, rsync and the machine's own limits do the same
work in turns, over loopback, and verifies each result before it counts. Who is not
installed is left out by name.

A suite says what is measured: ci (seconds, figures mean nothing), short (about ten
minutes) or full (40 minutes: the tables of BENCHMARKS.md), of which --part measures
some. The other flags pick by
hand, or change a suite that is named with them.

Workloads: S 4 KiB, M 1 MiB, L 64 MiB, X mixed sizes; N nothing to do; U one in a
hundred changed; and passes of replicators: P moves everything, H moves handoffs away,
I finds nothing. Contestants: ` + strings.Join(append(contestant.Names(), contestant.Others()...), ", ") + `.

As root the run gets a network and mounts of its own, unless --shared is given: for
clean counters, for one congestion control for everybody, and for --media xfs and
tmpfs, of which nothing is left behind.`,
		Example: `  ringsync bench --suite short
  ringsync bench --workload S,L --contestant ringsync,swift --cache cold --runs 5 --save new.json
  ringsync bench compare old.json new.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	o.flags(cmd.Flags())
	cmd.AddCommand(newCompareCommand(), newTablesCommand(), newFloorCommand())
	return cmd
}

func (o *benchOptions) flags(f *pflag.FlagSet) {
	usual := bench.ByHand()
	o.pick.Counted = usual.Counted
	f.StringVar(&o.suite, "suite", "", "what is measured: "+strings.Join(bench.Suites(), ", ")+" (default: short, or what the next flags pick)")
	f.StringSliceVar(&o.pick.Workloads, "workload", usual.Workloads, "of "+strings.Join(workload.Names(), ","))
	f.Float64Var(&o.pick.Scale, "scale", usual.Scale, "of the workloads' usual numbers of objects: 20,000 of S, N, U, P, H, I; 2,000 of M, X; 64 of L")
	f.StringSliceVar(&o.pick.Media, "media", usual.Media, "where the disks are: dir:PATH, tmpfs, xfs (an image on a loop device)")
	f.StringSliceVar(&o.pick.Caches, "cache", usual.Caches, "warm, cold")
	f.StringSliceVar(&o.pick.Layouts, "layout", usual.Layouts, "partitions: one, 64")
	f.IntSliceVar(&o.pick.Sessions, "sessions", usual.Sessions, "at once; more than one needs --layout 64")
	f.StringSliceVar(&o.pick.Contestants, "contestant", usual.Contestants, "see above; also ringsync-ENGINE+CHECK")
	f.IntVar(&o.pick.Runs, "runs", usual.Runs, "of each row")
	f.BoolVar(&o.pick.Young, "young", false, "don't wait until a receiver's objects are two minutes old")
	f.StringSliceVar(&o.parts, "part", nil, "of the full suite only: "+strings.Join(bench.Parts(), ", "))
	f.Float64Var(&o.scaleAll, "scale-all", 1, "times the number of objects everywhere, to see whether all of it works")
	f.BoolVar(&o.cfg.Calls, "calls", false, "also count system calls and fsyncs, with perf, in a run of each row that is not timed")
	f.BoolVar(&o.shared, "shared", false, "share the machine's network and mounts, also as root")
	f.StringVar(&o.cfg.Congestion, "tcp-congestion", "", "TCP congestion control (default: the system's); without a network of its own: of our connections only")
	f.StringArrayVar(&o.cfg.PushFlags, "push-flag", nil, "one more flag for ringsync push, to try something out")
	f.StringArrayVar(&o.cfg.NodeFlags, "node-flag", nil, "one more flag for ringsyncd")
	f.BoolVar(&o.cfg.RequireSwift, "require-swift", false, "fail without a Swift")
	f.BoolVar(&o.cfg.RequireRsync, "require-rsync", false, "fail without an rsync")
	f.StringVar(&o.write, "write", "", "also replace what is written in this document, between its markers, and the plots beside it")
	f.StringVar(&o.save, "save", "", "also write the report as JSON to this file")
	f.BoolVar(&o.asJSON, "json", false, "print the report as JSON")
}

// picks are the suite's with what was given by hand, or what was given alone.
func (o *benchOptions) picks(f *pflag.FlagSet) ([]bench.Pick, error) {
	byHand := false
	for _, name := range []string{"workload", "scale", "media", "cache", "layout", "sessions", "contestant", "runs", "young"} {
		byHand = byHand || f.Changed(name)
	}
	if o.suite == "" && byHand {
		return []bench.Pick{o.pick}, nil
	}
	if o.suite == "" {
		o.suite = "short"
	}
	picks, err := bench.Suite(o.suite, o.parts...)
	for i := range picks {
		o.change(f, &picks[i])
		picks[i].Scale *= o.scaleAll
	}
	if byHand || o.scaleAll != 1 {
		o.suite += ", changed"
	}
	return picks, err
}

// change puts what was given by hand into a suite's pick.
func (o *benchOptions) change(f *pflag.FlagSet, p *bench.Pick) {
	for name, put := range map[string]func(){
		"workload":   func() { p.Workloads = o.pick.Workloads },
		"scale":      func() { p.Scale = o.pick.Scale },
		"media":      func() { p.Media = o.pick.Media },
		"cache":      func() { p.Caches = o.pick.Caches },
		"layout":     func() { p.Layouts = o.pick.Layouts },
		"sessions":   func() { p.Sessions = o.pick.Sessions },
		"contestant": func() { p.Contestants = o.pick.Contestants },
		"runs":       func() { p.Runs = o.pick.Runs },
		"young":      func() { p.Young = o.pick.Young },
	} {
		if f.Changed(name) {
			put()
		}
	}
}

func (o *benchOptions) run(cmd *cobra.Command) error {
	var err error
	if o.cfg.Picks, err = o.picks(cmd.Flags()); err != nil {
		return err
	}
	if err := o.enclose(); err != nil {
		return err
	}
	o.cfg.Suite, o.cfg.Out = o.suite, os.Stderr
	o.cfg.Command = "ringsync " + strings.Join(os.Args[1:], " ")
	r, err := bench.Run(cmd.Context(), o.cfg)
	if r == nil {
		return err
	}
	if o.save != "" {
		err = errors.Join(err, r.Save(o.save))
	}
	out := cmd.OutOrStdout()
	if o.asJSON {
		err = errors.Join(err, json.NewEncoder(out).Encode(r))
	} else {
		fmt.Fprint(out, r.Markdown())
	}
	if err == nil && o.write != "" {
		err = r.Write(o.write)
	}
	return err
}

// enclose gives root's run surroundings of its own.
func (o *benchOptions) enclose() error {
	if o.shared || os.Geteuid() != 0 {
		return nil
	}
	err := medium.Enclose(o.cfg.Congestion)
	if unavailable, ok := errors.AsType[*medium.UnavailableError](err); ok {
		fmt.Fprintln(os.Stderr, "shared with the machine:", unavailable)
		return nil
	}
	return err
}

func newCompareCommand() *cobra.Command {
	var write, block string
	cmd := &cobra.Command{
		Use:   "compare OLD.json NEW.json",
		Short: "Hold two reports against each other",
		Long: `compare holds the rows of two reports (bench --save) against each other that have the
same cell and contestant. A difference is called better or WORSE only where a
Mann-Whitney U test says that the spread of the runs does not explain it, at a level
of 0.01; that takes at least five runs on both sides. It ends with 0 whatever it finds.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			before, err := report.Read(args[0])
			if err != nil {
				return err
			}
			after, err := report.Read(args[1])
			if err != nil {
				return err
			}
			deltas, alone := report.Compare(before, after)
			var text strings.Builder
			if err := report.PrintDeltas(&text, deltas, alone); err != nil {
				return err
			}
			if write != "" {
				return report.WriteBlock(write, block, "\n"+indented(text.String()))
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text.String())
			return err
		},
	}
	cmd.Flags().StringVar(&write, "write", "", "put it into this document instead, in the place that --block names")
	cmd.Flags().StringVar(&block, "block", "compare", "the place, between its markers")
	return cmd
}

// indented makes code of lines, for a document.
func indented(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("    " + strings.TrimRight(line, " \n"))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func newTablesCommand() *cobra.Command {
	var write, block, save string
	var forgo bool
	cmd := &cobra.Command{
		Use:   "tables REPORT.json…",
		Short: "Print the tables of reports that were saved",
		Long: `tables prints the tables of a report that bench --save has written. Several are merged,
if they are of the same machine and the same build: a comparison that more than one of
them has is the last one's, as a whole. So a part of a suite that was disturbed, or that
failed, can be measured again alone:

  ringsync bench --suite full --save full.json
  ringsync bench --suite full --part cold --save cold.json
  ringsync bench tables full.json cold.json --write BENCHMARKS.md`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			reports := make([]*report.Report, len(args))
			for i, path := range args {
				var err error
				if reports[i], err = report.Read(path); err != nil {
					return err
				}
			}
			r, err := report.Merge(reports...)
			if err != nil {
				return err
			}
			if forgo {
				r.Forgo()
			}
			if save != "" {
				if err := r.Save(save); err != nil {
					return err
				}
			}
			switch {
			case write != "" && block != "":
				return report.WriteBlock(write, block, r.PartText())
			case write != "":
				return r.Write(write)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), r.Markdown())
			return err
		},
	}
	cmd.Flags().BoolVar(&forgo, "forgo-failed", false, "name comparisons that failed among what is left out, and let the rest stand")
	cmd.Flags().StringVar(&save, "save", "", "also write them, merged, as JSON to this file")
	cmd.Flags().StringVar(&write, "write", "", "replace the tables in this document instead, and the plots beside it")
	cmd.Flags().StringVar(&block, "block", "", "with --write, replace the place of this name alone, between its markers, by what these reports tell")
	return cmd
}
