package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/ringsync/ringsync/dataplane/verify"
	"github.com/ringsync/ringsync/hashes"
	"github.com/spf13/cobra"
)

type inspectOptions struct {
	swiftDir          string
	policy, partPower int
	reclaimAge        time.Duration
	md5, asJSON       bool
}

func newInspectCommand() *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect PATH | DEVICE /ACCOUNT/CONTAINER/OBJECT",
		Short: "Show an object's files and metadata, and whether they are sound",
		Long: `inspect reads one hash directory: which of its files count, which are obsolete or
to be reclaimed, their timestamps and metadata, and whether all of it fits together.
PATH is a hash directory, also one in quarantine or a copy elsewhere, or a file in it;
or give a device's directory and the object's name. Without --part-power the object is
looked for in every partition of the device.

It changes nothing, where any of Swift's daemons would tidy up or put to quarantine.
It ends with 0 if the object, or its tombstone, is sound, and with 1 if not or if there
is none. With --swift-dir= names are not held against their directory.`,
		Example: `  ringsync inspect /srv/node/sda/objects/13/f80/df49ee409148dfec4ff8451914278f80
  ringsync inspect /srv/node/sda /AUTH_a/c/o1 --policy 1 --md5`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), cmd.OutOrStdout(), args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.swiftDir, "swift-dir", "/etc/swift", "directory of swift.conf; empty: do without")
	f.IntVar(&o.policy, "policy", 0, "index of the storage policy, where the path does not tell it")
	f.IntVar(&o.partPower, "part-power", -1, "partition power of the policy's ring; with it the partition is checked")
	f.DurationVar(&o.reclaimAge, "reclaim-age", 7*24*time.Hour, "age at which tombstones go")
	f.BoolVar(&o.md5, "md5", false, "read the body and hold it against its ETag")
	f.BoolVar(&o.asJSON, "json", false, "print as JSON")
	return cmd
}

// errUnsound ends the command with 1; the verdict has been printed.
var errUnsound = errors.New("the object is not sound, or not there")

func (o *inspectOptions) run(ctx context.Context, w io.Writer, args []string) error {
	if o.partPower > 32 {
		return fmt.Errorf("--part-power %d: 0 to 32", o.partPower)
	}
	var cluster *hashes.Cluster
	if o.swiftDir != "" {
		var err error
		if cluster, err = readCluster(o.swiftDir); err != nil {
			return fmt.Errorf("%w (--swift-dir= does without)", err)
		}
	}
	place, err := o.place(cluster, args)
	if err != nil {
		return err
	}
	found, err := verify.Inspect(ctx, verify.InspectConfig{
		Cluster: cluster, Policy: o.policy, PartPower: o.partPower, ReclaimAge: o.reclaimAge, MD5: o.md5, Now: time.Now(),
	}, place)
	if err != nil {
		return err
	}
	if o.asJSON {
		err = json.NewEncoder(w).Encode(found)
	} else {
		printInspection(w, found)
	}
	if err == nil && !found.Sound {
		return errUnsound
	}
	return err
}

func (o *inspectOptions) place(cluster *hashes.Cluster, args []string) (verify.Place, error) {
	if len(args) == 1 {
		return verify.PlaceOf(args[0])
	}
	if cluster == nil {
		return verify.Place{}, errors.New("an object is found by its name only with swift.conf: --swift-dir")
	}
	policy, known := cluster.Policy(o.policy)
	if !known {
		return verify.Place{}, fmt.Errorf("--policy %d: not in %s/swift.conf", o.policy, o.swiftDir)
	}
	place, err := verify.PlaceFor(args[0], args[1], cluster.Secret, policy, o.partPower)
	if errors.Is(err, fs.ErrNotExist) && o.partPower < 0 {
		err = fmt.Errorf("%w; policies are told by --policy", err)
	}
	return place, err
}

// printInspection prints for a reader. What comes from the disk is quoted: it
// may hold anything.
func printInspection(w io.Writer, in *verify.Inspection) {
	fmt.Fprintf(w, "%s\n", quoted(in.Path))
	if in.Name != "" {
		fmt.Fprintf(w, "name       %q\n", in.Name)
	}
	fmt.Fprintf(w, "policy     %d, %s\n", in.Policy, in.Kind)
	for _, t := range []struct {
		name string
		time *verify.Time
	}{{"data", in.Data}, {"metadata", in.Meta}, {"ctype", in.CType}} {
		if t.time != nil {
			fmt.Fprintf(w, "%-10s %s\n", t.name, timeText(t.time))
		}
	}
	for _, f := range in.Files {
		printFile(w, &f)
	}
	fmt.Fprintln(w)
	for _, text := range in.Remarks {
		fmt.Fprintln(w, "remark:", text)
	}
	for _, text := range in.Problems {
		fmt.Fprintln(w, "problem:", text)
	}
	fmt.Fprintln(w, in.Verdict)
}

func timeText(t *verify.Time) string { return t.Internal + "  " + t.At }

func printFile(w io.Writer, f *verify.InspectedFile) {
	fmt.Fprintf(w, "\n%s  %s, %d bytes, %s, changed %s\n", quoted(f.Name), f.Role, f.Bytes, f.Mode, f.Modified.Format(time.RFC3339))
	if f.Time != nil {
		fmt.Fprintf(w, "  time     %s\n", timeText(f.Time))
	}
	if f.CType != nil {
		fmt.Fprintf(w, "  ctype    %s\n", timeText(f.CType))
	}
	if f.Fragment != nil {
		fmt.Fprintf(w, "  fragment %d, durable by its name: %v\n", *f.Fragment, f.Durable)
	}
	if f.Xattrs > 0 {
		fmt.Fprintf(w, "  metadata %d bytes in %d xattrs, checksum %s\n", f.Pickle, f.Xattrs, f.Checksum)
	}
	for _, field := range f.Metadata {
		fmt.Fprintf(w, "    %s: %q\n", quoted(field.Key), field.Value)
	}
	if f.StoredSum != "" {
		fmt.Fprintf(w, "  xxh64    %s, stored when the MD5 was checked\n", f.StoredSum)
	}
	if f.Unchecked {
		fmt.Fprintln(w, "  unchecked: the body came with --verify none and was held against nothing; a session that checks asks for it again")
	}
	if f.MD5 != "" {
		fmt.Fprintf(w, "  md5      %s, read from the body\n", f.MD5)
	}
}

// quoted prints a name as it is where that can do no harm.
func quoted(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
		return s
	}
	return fmt.Sprintf("%q", s)
}
