package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
	"github.com/spf13/cobra"
)

type ringOptions struct {
	swiftDir, policy string
	partition        int64
	all, asJSON      bool
}

func newRingCommand() *cobra.Command {
	var o ringOptions
	cmd := &cobra.Command{
		Use:   "ring [FILE] [/ACCOUNT/CONTAINER/OBJECT | ACCOUNT [CONTAINER [OBJECT]]]",
		Short: "Show a ring, the nodes of a partition, or an object's place",
		Long: `ring reads a ring file of Swift's, of format 1 or 2. Alone it shows the ring: its
version, partitions and replicas, and its devices with their weights and how many
replicas of partitions each holds; balance is by how many percent that is more than the
weight asks for.

With --partition, or with a name, it shows where that belongs, as swift-get-nodes does:
the primaries and as many handoffs (--all: all of them) in the order in which Swift asks
them, the addresses for clients and for replication, the directory on each device, and
lines for a shell that ask there. A name is hashed with the secret of swift.conf.

FILE ends in .gz; without it the object ring of --policy in --swift-dir is read. The
ring of an account or a container is read as well: its names have one or two parts.`,
		Example: `  ringsync ring
  ringsync ring --policy silver --partition 13 --all
  ringsync ring /etc/swift/object-1.ring.gz /AUTH_a/c/o1
  ringsync ring /etc/swift/container.ring.gz AUTH_a c --json`,
		Args: cobra.MaximumNArgs(4),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.OutOrStdout(), args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.swiftDir, "swift-dir", "/etc/swift", "directory of swift.conf and of the rings")
	f.StringVar(&o.policy, "policy", "", "index or name of the storage policy whose ring is read (default 0)")
	f.Int64Var(&o.partition, "partition", -1, "show the nodes of this partition")
	f.BoolVar(&o.all, "all", false, "show all handoffs, not only as many as there are primaries")
	f.BoolVar(&o.asJSON, "json", false, "print as JSON")
	return cmd
}

func (o *ringOptions) run(w io.Writer, args []string) error {
	path, args, err := o.file(args)
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := ring.Read(f)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case len(args) > 0 && o.partition >= 0:
		return errors.New("--partition or a name, not both")
	case len(args) > 0:
		return o.showName(w, r, path, args)
	case o.partition >= 0:
		return o.showPartition(w, r, path)
	}
	return show(w, o.asJSON, ringFacts(r, path), printRing)
}

// show prints as JSON or with a function.
func show[T any](w io.Writer, asJSON bool, shown T, print func(io.Writer, T)) error {
	if asJSON {
		return json.NewEncoder(w).Encode(shown)
	}
	print(w, shown)
	return nil
}

// file finds the ring file, and returns the arguments behind it.
func (o *ringOptions) file(args []string) (path string, rest []string, err error) {
	if len(args) > 0 && strings.HasSuffix(args[0], ".gz") {
		if o.policy != "" {
			return "", nil, errors.New("--policy chooses a ring where no FILE is given")
		}
		return args[0], args[1:], nil
	}
	cluster, err := readCluster(o.swiftDir)
	if err != nil {
		return "", nil, err
	}
	policy, ok := policyOf(cluster, o.policy)
	if !ok {
		return "", nil, fmt.Errorf("--policy %q: not in %s/swift.conf", o.policy, o.swiftDir)
	}
	return filepath.Join(o.swiftDir, policy.RingName()+".ring.gz"), args, nil
}

// policyOf finds a policy by its index or one of its names; "" is 0.
func policyOf(cluster *hashes.Cluster, word string) (hashes.Policy, bool) {
	if word == "" {
		word = "0"
	}
	for _, p := range cluster.Policies {
		for _, name := range append([]string{strconv.Itoa(p.Index), p.Name}, p.Aliases...) {
			if strings.EqualFold(name, word) {
				return p, true
			}
		}
	}
	return hashes.Policy{}, false
}

func (o *ringOptions) showPartition(w io.Writer, r *ring.Ring, path string) error {
	if o.partition >= int64(r.Partitions()) {
		return fmt.Errorf("--partition %d: the ring has 0 to %d", o.partition, r.Partitions()-1)
	}
	p := &ringPlace{Ring: path, Partition: uint32(o.partition)}
	p.find(r, filepath.Join(dataDirOf(ringName(path)), strconv.FormatInt(o.partition, 10)), o.all)
	return show(w, o.asJSON, p, printPlace)
}

func (o *ringOptions) showName(w io.Writer, r *ring.Ring, path string, args []string) error {
	parts, err := nameParts(args)
	if err != nil {
		return err
	}
	dir, err := dataDirFor(ringName(path), len(parts))
	if err != nil {
		return err
	}
	cluster, err := readCluster(o.swiftDir)
	if err != nil {
		return err
	}
	name := "/" + strings.Join(parts, "/")
	hash := cluster.Secret.Hash(name)
	p := &ringPlace{Ring: path, Name: name, Partition: r.Partition(hash), Hash: hash.String()}
	p.find(r, filepath.Join(dir, strconv.FormatUint(uint64(p.Partition), 10), hash.Suffix().String(), hash.String()), o.all)
	return show(w, o.asJSON, p, printPlace)
}

// nameParts takes a name apart into an account, a container and an object, of
// which the latter may be missing. A single argument may be all of them.
func nameParts(args []string) ([]string, error) {
	parts := args
	if len(args) == 1 {
		parts = strings.SplitN(strings.TrimPrefix(args[0], "/"), "/", 3)
	}
	for i, part := range parts {
		if part == "" || i < 2 && strings.Contains(part, "/") {
			return nil, fmt.Errorf("%q is not a name: /ACCOUNT/CONTAINER/OBJECT, or its parts", strings.Join(args, " "))
		}
	}
	if len(parts) > 3 {
		return nil, errors.New("more than an account, a container and an object")
	}
	return parts, nil
}

// ringName is a file's name without its end: object, object-1, container.
func ringName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	return name
}

// dataDirOf is the directory of a device in which a ring's partitions lie.
func dataDirOf(ringName string) string {
	if index, ok := strings.CutPrefix(ringName, "object-"); ok {
		return "objects-" + index
	}
	return ringName + "s"
}

// dataDirFor is dataDirOf for names of so many parts, which not every ring places.
func dataDirFor(ringName string, parts int) (string, error) {
	kinds := []string{"account", "container", "object"}
	kind, _, _ := strings.Cut(ringName, "-")
	for i, known := range kinds {
		if kind == known && i+1 != parts {
			return "", fmt.Errorf("the ring of %ss places no %s", known, kinds[parts-1])
		}
	}
	if kind != kinds[parts-1] {
		return kinds[parts-1] + "s", nil // a copy under another name
	}
	return dataDirOf(ringName), nil
}
