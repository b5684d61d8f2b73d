package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// Place is where a hash directory lies. What its path does not tell is -1 or
// empty.
type Place struct {
	Dir         string
	Hash        proto.Hash
	Policy      int    // by the data directory's name
	Partition   string // its directory's name
	Suffix      string
	Quarantined bool
}

// PlaceOf reads a path that ends in a hash directory, or in a file of one:
//
//	…/objects[-N]/<partition>/<suffix>/<hash>
//	…/quarantined/objects[-N]/<hash>[-<32 hex>]
//	…/<hash>                            a copy somewhere
func PlaceOf(path string) (Place, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Place{}, err
	}
	st, err := os.Lstat(path)
	if err != nil {
		return Place{}, err
	}
	dir := path
	if _, isHash := hashOf(filepath.Base(dir)); !isHash && !st.IsDir() {
		dir = filepath.Dir(path)
	}
	hash, ok := hashOf(filepath.Base(dir))
	if !ok {
		return Place{}, fmt.Errorf("%q is no hash directory: give one that is named by 32 hex digits, a file in it, or a device and /account/container/object", path)
	}
	p := Place{Dir: dir, Hash: hash, Policy: -1}
	above := filepath.Dir(dir)
	if index, ok := dataDirIndex(filepath.Base(above)); ok && filepath.Base(filepath.Dir(above)) == "quarantined" {
		p.Policy, p.Quarantined = index, true
		return p, nil
	}
	partition := filepath.Dir(above)
	if index, ok := dataDirIndex(filepath.Base(filepath.Dir(partition))); ok {
		p.Policy, p.Partition, p.Suffix = index, filepath.Base(partition), filepath.Base(above)
	}
	return p, nil
}

// hashOf reads a hash directory's name, also as quarantine numbers it.
func hashOf(name string) (proto.Hash, bool) {
	digits, twin, numbered := strings.Cut(name, "-")
	h, err := proto.ParseHash(digits)
	if err != nil {
		return h, false
	}
	if numbered {
		_, err = proto.ParseHash(twin)
	}
	return h, err == nil
}

// dataDirIndex reads "objects" and "objects-N".
func dataDirIndex(name string) (index int, ok bool) {
	if name == "objects" {
		return 0, true
	}
	number, ok := strings.CutPrefix(name, "objects-")
	if !ok {
		return 0, false
	}
	index, err := strconv.Atoi(number)
	return index, err == nil && index > 0 && strconv.Itoa(index) == number
}

// PlaceFor finds an object's hash directory on a device by its name. Without a
// partition power (-1) every partition that is there is looked into.
func PlaceFor(device, name string, secret hashes.Secret, policy hashes.Policy, partPower int) (Place, error) {
	if _, _, _, err := hashes.SplitName(name); err != nil {
		return Place{}, fmt.Errorf("object name: %w", err)
	}
	hash := secret.Hash(name)
	root := filepath.Join(device, policy.DataDir())
	var partitions []string
	if partPower >= 0 {
		partitions = []string{strconv.FormatUint(uint64(hash.Partition(partPower)), 10)}
	} else {
		var err error
		if partitions, err = listNames(root, maxPartitions); err != nil {
			return Place{}, err
		}
	}
	for _, partition := range partitions {
		dir := filepath.Join(root, partition, hash.Suffix().String(), hash.String())
		if _, err := os.Lstat(dir); err == nil {
			return PlaceOf(dir)
		} else if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			return Place{}, err
		}
	}
	return Place{}, fmt.Errorf("%.512q hashes to %s, which is in no partition of %s that was looked for (%d): %w", name, hash, root, len(partitions), fs.ErrNotExist)
}

const (
	// maxPartitions on one device: a ring of 2^24 has not more on ten devices.
	maxPartitions = 4 << 20
	// maxFiles of a hash directory: Swift leaves three.
	maxFiles = 10_000
)

// listNames lists a directory of at most max names, in no order.
func listNames(dir string, max int) ([]string, error) {
	f, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err == nil && len(names) > max {
		return nil, fmt.Errorf("%s: more than %d names", dir, max)
	}
	return names, err
}
