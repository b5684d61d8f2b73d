package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/ringsync/ringsync/dataplane/doctor"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/spf13/cobra"
)

type doctorOptions struct {
	devices, swiftDir, stateDir, engine string
	clear                               string
	mountCheck, probe, asJSON           bool
	tuning                              doctorTuning
}

func newDoctorCommand() *cobra.Command {
	var o doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say what this kernel and these disks can do, and what keeps them from it",
		Long: `doctor tells the kernel, the limits, what io_uring can do here, the engine that would
be used and why, the memory that ringsyncd may take at the most, and the path that each
kind of body will take and why; of each device whether it is mounted, on which file
system, whether it is suspect and why, and what paths differ there. Flags of ringsyncd
that change an answer are given here as there. It only reads, unless --probe is given: then it writes a file without a name
into the tmp directory of each device, which is made where it is missing, to find out
what the file system takes.

--clear DEVICE takes the mark of a suspect device away, after its disk has been
checked; a running ringsyncd uses the device again at once.

It ends with 1 if there is a problem.`,
		Example: `  ringsync doctor --devices /srv/node --probe
  ringsync doctor --clear sda`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.devices, "devices", "/srv/node", "directory that the devices are mounted in")
	f.StringVar(&o.swiftDir, "swift-dir", "/etc/swift", "directory of swift.conf")
	f.StringVar(&o.stateDir, "state-dir", "/run/ringsync", "where ringsyncd remembers suspect devices")
	f.BoolVar(&o.mountCheck, "mount-check", true, "a device that is not mounted is a problem")
	f.StringVar(&o.engine, "engine", "auto", "data path, as of ringsyncd")
	o.tuning.add(f)
	f.BoolVar(&o.probe, "probe", false, "write a file to each device")
	f.StringVar(&o.clear, "clear", "", "take this device's suspect mark away, and do nothing else")
	f.BoolVar(&o.asJSON, "json", false, "print as JSON")
	return cmd
}

func (o *doctorOptions) run(w io.Writer) error {
	cluster, err := readCluster(o.swiftDir)
	if err != nil {
		return err
	}
	s, err := store.New(store.Config{Devices: o.devices, Cluster: cluster, MountCheck: o.mountCheck, StateDir: o.stateDir})
	if err != nil {
		return err
	}
	if o.clear != "" {
		return o.clearMark(w, s)
	}
	r, err := doctor.Examine(doctor.Config{Store: s, Cluster: cluster, StateDir: o.stateDir, MountCheck: o.mountCheck, Engine: o.engine, Tuning: o.tuning.cfg, Budget: o.tuning.budget(), Probe: o.probe})
	if err != nil {
		return err
	}
	if o.asJSON {
		err = json.NewEncoder(w).Encode(r)
	} else {
		printReport(w, r, o.probe)
	}
	if n := len(r.Problems); err == nil && n > 0 {
		err = fmt.Errorf("%d problems", n)
	}
	return err
}

func (o *doctorOptions) clearMark(w io.Writer, s *store.Store) error {
	mark, err := doctor.Clear(s, o.clear)
	if err != nil {
		return err
	}
	cleared := struct {
		Device  string `json:"device"`
		Cleared string `json:"cleared"`
		Reason  string `json:"reason"`
	}{o.clear, mark.Path, mark.Reason}
	if o.asJSON {
		return json.NewEncoder(w).Encode(cleared)
	}
	_, err = fmt.Fprintf(w, "device %s is no longer suspect: %s removed\nit was: %s\n", cleared.Device, cleared.Cleared, cleared.Reason)
	return err
}

func printReport(w io.Writer, r *doctor.Report, probed bool) {
	fmt.Fprintf(w, "kernel    %s\n", r.Kernel)
	fmt.Fprintf(w, "go        %s\n", r.Go)
	fmt.Fprintf(w, "engine    %s\n", r.Why)
	printRings(w, &r.Rings)
	for _, l := range r.Limits {
		fmt.Fprintf(w, "limit     %s %s, at most %s%s\n", l.Name, limitText(l.Soft), limitText(l.Hard), also(l.Remark))
	}
	for _, p := range r.Policies {
		remark := ""
		if !p.Served {
			remark = "its requests go to Swift's object server, if ringsyncd knows one"
		}
		fmt.Fprintf(w, "policy    %d %s, %s%s\n", p.Index, p.Name, p.Type, also(remark))
	}
	fmt.Fprintf(w, "state     %s%s\n", r.State.Path, also(r.State.Error))
	printMemory(w, &r.Memory)
	fmt.Fprintln(w, "\nthe path of each kind of body, while lanes and buffers are free, and why:")
	printPaths(w, r.Paths)
	for _, d := range r.Devices {
		printDevice(w, &d, probed)
		printOwnPaths(w, &d, r.Paths)
	}
	fmt.Fprintln(w)
	for _, text := range r.Problems {
		fmt.Fprintln(w, "problem:", text)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(w, "no problems")
	}
}

func also(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func limitText(n uint64) string {
	if n == math.MaxUint64 {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

func printDevice(w io.Writer, d *doctor.Device, probed bool) {
	fmt.Fprintf(w, "\ndevice    %s\n", quoted(d.Path))
	if d.FileSystem != "" {
		where := "mounted"
		if !d.Mounted {
			where = "not mounted itself, and lies"
		}
		fmt.Fprintf(w, "  %s on %s, %s (%s)\n", where, quoted(d.Source), quoted(d.FileSystem), quoted(d.Options))
		fmt.Fprintf(w, "  %.1f GB, %.1f GB free, %d inodes free\n", float64(d.Bytes)/1e9, float64(d.Free)/1e9, d.Inodes)
	}
	if len(d.Data) > 0 {
		fmt.Fprintf(w, "  has %s\n", quoted(strings.Join(d.Data, ",")))
	}
	if p := d.Probe; p != nil {
		fmt.Fprintf(w, "  xattrs of %d bytes, O_TMPFILE %s, O_DIRECT %s, fallocate %s, fsync %s\n", p.Xattr, yes(p.TmpFile), yes(p.Direct), yes(p.Allocate), yes(p.Sync))
	} else if !probed {
		fmt.Fprintln(w, "  not probed: --probe writes a file")
	}
	if d.Suspect != "" {
		fmt.Fprintf(w, "  suspect; once the disk is good, mount it anew, or: ringsync doctor --clear %s\n", d.Name)
	}
	for _, text := range d.Remarks {
		fmt.Fprintln(w, "  remark:", text)
	}
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
