// Package storetest makes stores for tests: on a file system that takes Swift's
// xattrs, with a cluster whose secret and policies are known.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// SwiftConf is the swift.conf of every test: policy 0 replicates, policy 1 is
// erasure coded, policy 2 replicates too.
const SwiftConf = `[swift-hash]
swift_hash_path_prefix = pre
swift_hash_path_suffix = suf
[storage-policy:0]
name = gold
default = yes
[storage-policy:1]
name = ec
policy_type = erasure_coding
ec_type = liberasurecode_rs_vand
ec_num_data_fragments = 2
ec_num_parity_fragments = 1
[storage-policy:2]
name = silver
`

// PartPower of the tests' rings.
const PartPower = 4

// xattrBytes is what a test's file system must take in one xattr: metadata of
// more than a block, which ext4 refuses.
const xattrBytes = 16 << 10

// Cluster parses SwiftConf.
func Cluster(tb testing.TB) *hashes.Cluster {
	tb.Helper()
	c, err := hashes.ParseSwiftConf([]byte(SwiftConf))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// New returns a store over a fresh devices directory with the device d1. edit may
// change the configuration before the store is made.
func New(tb testing.TB, edit ...func(*store.Config)) *store.Store {
	tb.Helper()
	cfg := store.Config{
		Devices: Devices(tb),
		Cluster: Cluster(tb),
		Notice:  func(n store.Notice) { tb.Logf("notice: device %s: %s", n.Device, n.Text) },
	}
	for _, e := range edit {
		e(&cfg)
	}
	s, err := store.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// Devices makes a devices directory with the device d1, removed after the test.
func Devices(tb testing.TB) string {
	tb.Helper()
	var tried []string
	for _, base := range []string{os.TempDir(), "/dev/shm", "/var/tmp"} {
		dir, err := os.MkdirTemp(base, "ringsync-test-")
		if err != nil {
			tried = append(tried, err.Error())
			continue
		}
		if err := takesXattrs(dir); err != nil {
			tried = append(tried, fmt.Sprintf("%s: %v", base, err))
			os.RemoveAll(dir)
			continue
		}
		tb.Cleanup(func() { os.RemoveAll(dir) })
		if err := os.Mkdir(filepath.Join(dir, "d1"), 0o755); err != nil {
			tb.Fatal(err)
		}
		return dir
	}
	tb.Fatalf("no file system takes xattrs of %d bytes (point TMPDIR at tmpfs or XFS): %v", xattrBytes, tried)
	return ""
}

func takesXattrs(dir string) error {
	probe := filepath.Join(dir, "probe")
	if err := os.WriteFile(probe, nil, 0o644); err != nil {
		return err
	}
	defer os.Remove(probe)
	return unix.Setxattr(probe, "user.ringsync.probe", make([]byte, xattrBytes), 0)
}

// Device opens d1; it is closed after the test.
func Device(tb testing.TB, s *store.Store) *store.Device {
	tb.Helper()
	d, err := s.Device("d1")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(d.Close)
	return d
}

// Partition is partition 0 of policy 0 on d1.
func Partition(tb testing.TB, s *store.Store) *store.Partition {
	tb.Helper()
	return Device(tb, s).Partition(s.Cluster().Policies[0], 0)
}

// Time is a timestamp, some seconds after the tests' epoch.
func Time(seconds float64) proto.Timestamp {
	return proto.Timestamp{Raw: 1_700_000_000_00000 + int64(seconds*100_000)}
}

// Put stores an object as a receiver does.
func Put(p *store.Partition, name string, ts proto.Timestamp, body []byte, extra ...hashes.Field) error {
	w, err := Body(p, name, ts, body, extra...)
	if err != nil {
		return err
	}
	return p.Commit(context.Background(), []*store.Writer{w})[0]
}

// Body is Put without the commit.
func Body(p *store.Partition, name string, ts proto.Timestamp, body []byte, extra ...hashes.Field) (*store.Writer, error) {
	w, err := p.Put(Hash(name), ts, int64(len(body)))
	if err != nil {
		return nil, err
	}
	return w, fill(w, name, ts, body, extra)
}

func fill(w *store.Writer, name string, ts proto.Timestamp, body []byte, extra hashes.Metadata) error {
	if _, err := w.WriteAt(body, 0); err != nil {
		w.Abort()
		return err
	}
	md := hashes.Metadata{
		{Key: "X-Timestamp", Value: ts.Internal()},
		{Key: "Content-Type", Value: "application/octet-stream"},
		{Key: "Content-Length", Value: strconv.Itoa(len(body))},
		{Key: "ETag", Value: hashes.Checksum(body)},
	}
	if err := w.Seal(name, ts, append(md, extra...)); err != nil {
		w.Abort()
		return err
	}
	return nil
}

// PutUnchecked is Put of a body that was held against nothing.
func PutUnchecked(p *store.Partition, name string, ts proto.Timestamp, body []byte, extra ...hashes.Field) error {
	w, err := Body(p, name, ts, body, extra...)
	if err != nil {
		return err
	}
	if err := w.MarkUnchecked(); err != nil {
		w.Abort()
		return err
	}
	return p.Commit(context.Background(), []*store.Writer{w})[0]
}

// PutChecked is Put of a body that may take the place of one that was not checked.
func PutChecked(p *store.Partition, name string, ts proto.Timestamp, body []byte, extra ...hashes.Field) error {
	w, err := p.PutChecked(Hash(name), ts, int64(len(body)), hashes.Checksum(body))
	if err == nil {
		err = fill(w, name, ts, body, extra)
	}
	if err != nil {
		return err
	}
	return p.Commit(context.Background(), []*store.Writer{w})[0]
}

// IsUnchecked tells whether a name's body is marked so.
func IsUnchecked(p *store.Partition, name string) (bool, error) {
	o, err := p.Open(Hash(name))
	if errors.Is(err, store.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer o.Close()
	return o.Unchecked()
}

// PutSummed is Put with the body's xxhash64 beside it, as a receiver stores a large
// one.
func PutSummed(p *store.Partition, name string, ts proto.Timestamp, body []byte, extra ...hashes.Field) error {
	w, err := Body(p, name, ts, body, extra...)
	if err != nil {
		return err
	}
	w.StoreSum(xxhash.Sum64(body))
	return p.Commit(context.Background(), []*store.Writer{w})[0]
}

// Hash is the name's hash under SwiftConf's secret.
func Hash(name string) proto.Hash { return hashes.Secret{Prefix: "pre", Suffix: "suf"}.Hash(name) }
