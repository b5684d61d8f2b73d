package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ringsync/ringsync/dataplane/conformance"
	"github.com/spf13/cobra"
)

type conformanceOptions struct {
	receiver, sender, device      string
	devices, swiftDir, only, name string
	dir                           string
	partition                     uint32
	set                           map[string]string
	asJSON, markdown, compare     bool
	swift, self, list             bool
}

func newConformanceCommand() *cobra.Command {
	var o conformanceOptions
	cmd := &cobra.Command{
		Use:   "conformance (--receiver HOST:PORT --device D | --sender CMD | --swift | --self | --compare FILE…)",
		Short: "Judge an SSYNC receiver or sender by its dialogues",
		Long: `conformance plays scripts of the SSYNC dialogue to a receiver or a sender, anybody's,
and says of each whether it went as it should. "differs" is a way that a script knows
by name, with the reason why somebody goes it: no failure. It ends with 0 only if
nothing failed.

A receiver is asked over the wire. What the wire can't tell is judged too where
--devices says where its devices are. The scripts write to --partition and to the one
after it, in an account of their own: take a device that nobody needs.

A sender is a shell command, in which {host}, {port}, {device}, {partition},
{policy}, {devices}, {swift_dir} and {verb} are filled in. It is to push one partition
of one device there, and to end with 0 only if it went well. {devices} is a directory
that the suite has filled with objects as Swift keeps them.

Scripts that need to know a setting of the judged are left out unless it is given:
--set client_timeout=1,replication_lock_timeout=1. dataplane/conformance/README.md
tells of them, and of the scripts themselves.`,
		Example: `  ringsync conformance --receiver 127.0.0.1:6200 --device sdb1 --devices /srv/node
  ringsync conformance --sender 'mysync push {host}:{port} {devices}/{device} {partition}'
  ringsync conformance --swift --json > swift.json
  ringsync conformance --self --json > self.json
  ringsync conformance --compare swift.json self.json > REPORT.md`,
		Args: func(cmd *cobra.Command, args []string) error { return o.check(args) },
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), cmd.OutOrStdout(), args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.receiver, "receiver", "", "HOST:PORT of the receiver to judge")
	f.StringVar(&o.device, "device", "", "a device of the receiver, that may be written to")
	f.Uint32Var(&o.partition, "partition", 0, "partition to write to, and the one after it")
	f.StringVar(&o.devices, "devices", "", "directory of the receiver's devices, if it is on this machine")
	f.StringVar(&o.sender, "sender", "", "shell command of the sender to judge")
	f.StringVar(&o.dir, "dir", "", "where to make the disks of senders; must take user xattrs (default: found)")
	f.StringVar(&o.swiftDir, "swift-dir", "/etc/swift", "directory of swift.conf")
	f.StringToStringVar(&o.set, "set", nil, "settings of the judged, by Swift's names")
	f.StringVar(&o.name, "name", "", "what to call it in the report")
	f.StringVar(&o.only, "only", "*", "pattern of the scripts to play, as put-*")
	f.BoolVar(&o.swift, "swift", false, "judge the Swift that is installed here, in both seats")
	f.BoolVar(&o.self, "self", false, "judge ringsync itself, in both seats")
	f.BoolVar(&o.compare, "compare", false, "put saved --json reports side by side, in Markdown")
	f.BoolVar(&o.list, "list", false, "list the scripts and what they show")
	f.BoolVar(&o.asJSON, "json", false, "print the report as JSON")
	f.BoolVar(&o.markdown, "markdown", false, "print the report as Markdown")
	return cmd
}

func (o *conformanceOptions) check(files []string) error {
	modes := 0
	for _, on := range []bool{o.receiver != "", o.sender != "", o.swift, o.self, o.compare, o.list} {
		if on {
			modes++
		}
	}
	switch {
	case modes != 1:
		return errors.New("one of --receiver, --sender, --swift, --self, --compare and --list")
	case o.compare != (len(files) > 0):
		return errors.New("--compare takes the files of saved reports, and nothing else takes files")
	case o.receiver != "" && o.device == "":
		return errors.New("--receiver needs --device")
	}
	return nil
}

func (o *conformanceOptions) run(ctx context.Context, w io.Writer, files []string) error {
	switch {
	case o.list:
		return o.print(w)
	case o.compare:
		reports, err := readReports(files)
		if err == nil {
			conformance.Markdown(w, reports)
		}
		return err
	}
	show := func(conformance.Result) {}
	if !o.asJSON && !o.markdown {
		show = func(r conformance.Result) { r.Print(w) }
	}
	reports, err := o.judge(ctx, show)
	if err != nil {
		return err
	}
	return o.tell(w, reports)
}

// tell prints the reports; the error counts what failed.
func (o *conformanceOptions) tell(w io.Writer, reports []*conformance.Report) error {
	switch {
	case o.asJSON:
		if err := json.NewEncoder(w).Encode(reports); err != nil {
			return err
		}
	case o.markdown:
		conformance.Markdown(w, reports)
	default:
		for _, r := range reports {
			fmt.Fprintln(w, r.Summary())
		}
	}
	failed := 0
	for _, r := range reports {
		failed += r.Failed()
	}
	if failed > 0 {
		return fmt.Errorf("%d scripts failed", failed)
	}
	return nil
}

// judge plays the scripts.
func (o *conformanceOptions) judge(ctx context.Context, show func(conformance.Result)) ([]*conformance.Report, error) {
	if o.swift || o.self {
		return o.judgeHere(ctx, show)
	}
	cluster, err := readCluster(o.swiftDir)
	if err != nil {
		return nil, err
	}
	if o.receiver != "" {
		cfg := conformance.ReceiverConfig{Addr: o.receiver, Device: o.device, Partition: o.partition, Cluster: cluster, Devices: o.devices, Settings: o.set}
		return o.play(ctx, conformance.Receiver, o.receiver, show, func(s *conformance.Script) conformance.Result { return conformance.Receive(ctx, cfg, s) })
	}
	cfg := conformance.SenderConfig{Cluster: cluster, Settings: o.set}
	if cfg.Dir, err = o.place(); err != nil {
		return nil, err
	}
	if cfg.Run, cfg.Verbs, err = conformance.Command(o.sender, o.swiftDir); err != nil {
		return nil, fmt.Errorf("--sender: %w", err)
	}
	return o.play(ctx, conformance.Sender, o.sender, show, func(s *conformance.Script) conformance.Result { return conformance.Send(ctx, cfg, s) })
}

func (o *conformanceOptions) play(ctx context.Context, seat conformance.Seat, name string, show func(conformance.Result), one func(*conformance.Script) conformance.Result) ([]*conformance.Report, error) {
	scripts, err := conformance.Scripts(seat, o.only)
	if err != nil {
		return nil, fmt.Errorf("--only: %w", err)
	}
	if o.name != "" {
		name = o.name
	}
	report := &conformance.Report{Implementation: name, Seat: seat}
	for _, s := range scripts {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		result := one(s)
		show(result)
		report.Results = append(report.Results, result)
	}
	return []*conformance.Report{report}, nil
}

// print lists the scripts.
func (o *conformanceOptions) print(w io.Writer) error {
	for _, seat := range []conformance.Seat{conformance.Receiver, conformance.Sender} {
		scripts, err := conformance.Scripts(seat, o.only)
		if err != nil {
			return fmt.Errorf("--only: %w", err)
		}
		for _, s := range scripts {
			fmt.Fprintf(w, "%s\n    %s\n", s.Name, s.Title)
		}
	}
	return nil
}

// maxReport bounds a saved report; ours have some hundred KiB.
const maxReport = 16 << 20

func readReports(files []string) ([]*conformance.Report, error) {
	var all []*conformance.Report
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		var reports []*conformance.Report
		err = json.NewDecoder(io.LimitReader(f, maxReport)).Decode(&reports)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: no report of conformance --json: %w", name, err)
		}
		all = append(all, reports...)
	}
	return all, nil
}
