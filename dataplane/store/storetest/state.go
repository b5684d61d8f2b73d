package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// Post stores metadata as a receiver does.
func Post(p *store.Partition, name string, ts proto.Timestamp, fields ...hashes.Field) error {
	md := append(hashes.Metadata{{Key: "X-Timestamp", Value: ts.Internal()}}, fields...)
	w, err := p.Post(Hash(name), name, ts, md)
	if err != nil {
		return err
	}
	return p.Commit(context.Background(), []*store.Writer{w})[0]
}

// Delete stores a tombstone as a receiver does.
func Delete(p *store.Partition, name string, ts proto.Timestamp) error {
	w, err := p.Delete(Hash(name), name, ts)
	if w == nil {
		return err
	}
	return p.Commit(context.Background(), []*store.Writer{w})[0]
}

// State says in a line what a partition holds of a name, body and all, so that
// two states are equal exactly if their lines are. What can't be true is an
// error: an object is never half there.
func State(p *store.Partition, name string) (string, error) {
	o, err := p.Open(Hash(name))
	if errors.Is(err, store.ErrNotExist) {
		return "nothing", nil
	}
	if err != nil {
		return "", err
	}
	defer o.Close()
	if o.Name != name {
		return "", fmt.Errorf("%s holds %q", name, o.Name)
	}
	if o.Tombstone {
		return "deleted " + o.Times.Data.String(), nil
	}
	body, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size))
	if err != nil {
		return "", err
	}
	if sum := hashes.Checksum(body); sum != o.ETag() {
		return "", fmt.Errorf("%s: the body's MD5 is %s, its ETag %s", name, sum, o.ETag())
	}
	if sum, ok := o.StoredSum(); ok && sum != xxhash.Sum64(body) {
		return "", fmt.Errorf("%s: the body's xxhash64 is %016x, and %016x was stored", name, xxhash.Sum64(body), sum)
	}
	return fmt.Sprintf("data %s meta %s ctype %s, %d bytes %s, %q",
		o.Times.Data, o.Times.Meta, o.Times.CType, len(body), o.ETag(), sorted(o.Merged())), nil
}

func sorted(md hashes.Metadata) hashes.Metadata {
	md = slices.Clone(md)
	slices.SortFunc(md, func(a, b hashes.Field) int { return strings.Compare(a.Key, b.Key) })
	return md
}

// MustState is State where nothing may be wrong.
func MustState(tb testing.TB, p *store.Partition, name string) string {
	tb.Helper()
	state, err := State(p, name)
	if err != nil {
		tb.Fatal(err)
	}
	return state
}

// CheckDigests fails if hashes.pkl calls a digest valid that is not the one of
// what lies in its suffix: a partition that says so would never be replicated. It
// reads the disk itself and changes nothing. A digest may be missing or stale,
// if hashes.pkl or hashes.invalid say so; that of a suffix in which nothing counts
// is the digest of nothing.
func CheckDigests(partition string) error {
	text, err := os.ReadFile(filepath.Join(partition, "hashes.pkl"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pkl, err := hashes.ParseHashesPkl(text)
	if err != nil {
		return fmt.Errorf("%s: %w", partition, err)
	}
	if !pkl.Valid {
		return nil
	}
	text, err = os.ReadFile(filepath.Join(partition, "hashes.invalid"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	stale, nothing := hashes.ParseInvalid(text), hashes.NewSuffixDigest().Sum()
	actual, err := digestsOf(partition)
	if err != nil {
		return err
	}
	for s := range actual {
		if _, known := pkl.Digests.Find(s); !known && !slices.Contains(stale, s) {
			return fmt.Errorf("%s: nobody knows of suffix %s", partition, s)
		}
	}
	for _, d := range pkl.Digests {
		if d.Known && d.Sum != cmp.Or(actual[d.Suffix], nothing) && !slices.Contains(stale, d.Suffix) {
			return fmt.Errorf("%s: suffix %s has digest %s, and %s is called valid", partition, d.Suffix, actual[d.Suffix], d)
		}
	}
	return nil
}

// digestsOf computes the digests of a partition's suffixes that hold anything.
func digestsOf(partition string) (map[proto.Suffix]proto.Hash, error) {
	digests := map[proto.Suffix]proto.Hash{}
	suffixes, err := filepath.Glob(filepath.Join(partition, "???"))
	if err != nil {
		return nil, err
	}
	for _, dir := range suffixes {
		s, err := proto.ParseSuffix(filepath.Base(dir))
		if err != nil {
			return nil, err
		}
		digest, objects := hashes.NewSuffixDigest(), 0
		list, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, h := range list {
			names, err := namesIn(filepath.Join(dir, h.Name()))
			if err != nil {
				return nil, err
			}
			if choice := hashes.Choose(names, hashes.Policy{}); choice.Exists() {
				digest.Add(choice)
				objects++
			}
		}
		if objects > 0 {
			digests[s] = digest.Sum()
		}
	}
	return digests, nil
}

func namesIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

// Litter lists the temporary files of policy 0 that lie about on a device: in its
// tmp directory, and beside hashes.pkl.
func Litter(tb testing.TB, device string) []string {
	tb.Helper()
	var found []string
	for _, pattern := range []string{"tmp/*", "objects/*/*.tmp"} {
		list, err := filepath.Glob(filepath.Join(device, pattern))
		if err != nil {
			tb.Fatal(err)
		}
		found = append(found, list...)
	}
	return found
}

// LocksFree fails if somebody holds a lock of the device or of one of its
// partitions of policy 0.
func LocksFree(tb testing.TB, device string) {
	tb.Helper()
	for _, pattern := range []string{".lock*", "objects/*/.lock*"} {
		list, err := filepath.Glob(filepath.Join(device, pattern))
		if err != nil {
			tb.Fatal(err)
		}
		for _, path := range list {
			lock, err := Flock(path)
			if err != nil {
				tb.Errorf("%s: %v", path, err)
				continue
			}
			lock.Close()
		}
	}
}

// Flock takes a lock file at once, as Swift would, or fails with EWOULDBLOCK.
func Flock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Descriptors lists the process's open descriptors and what they lead to, so that
// a leak is named by the difference of two lists.
func Descriptors(tb testing.TB) map[string]string {
	tb.Helper()
	names, err := namesIn("/proc/self/fd")
	if err != nil {
		tb.Fatal(err)
	}
	open := map[string]string{}
	for _, name := range names {
		target, err := os.Readlink("/proc/self/fd/" + name)
		if err != nil || strings.HasPrefix(target, "anon_inode:[event") {
			continue // the listing's own, and those of the runtime's poller
		}
		open[name] = target
	}
	return open
}
