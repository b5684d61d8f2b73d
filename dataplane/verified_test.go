package dataplane_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine/enginetest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// sendAll pushes a partition by the engine that the environment names.
func sendAll(t *testing.T, p *store.Partition, to string, edit ...func(*ssync.SenderConfig)) *ssync.Result {
	t.Helper()
	return sendAllBy(t, ssync.SSYNC, p, to, edit...)
}

func sendAllBy(t *testing.T, verb ssync.Verb, p *store.Partition, to string, edit ...func(*ssync.SenderConfig)) *ssync.Result {
	t.Helper()
	pool, err := buffer.New(buffer.Config{Count: 6})
	if err != nil {
		t.Fatal(err)
	}
	moves := enginetest.FromEnv(t, pool)
	cfg := ssync.SenderConfig{Pool: pool, Engine: moves, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, e := range edit {
		e(&cfg)
	}
	sender, err := ssync.NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	suffixes, err := p.Suffixes()
	if err != nil {
		t.Fatal(err)
	}
	result := sender.Push(t.Context(), ssync.Job{To: to, Device: "d1", Partition: p, Suffixes: suffixes, Verb: verb})
	moves.Close()
	if err := pool.Close(); err != nil {
		t.Error(err)
	}
	return result
}

func asks(v ssync.Verify) func(*ssync.SenderConfig) {
	return func(c *ssync.SenderConfig) { c.Verify = v }
}

// bodiesOf are two small and three large ones.
func bodiesOf() map[string][]byte {
	all := map[string][]byte{}
	for name, size := range map[string]int{"/a/c/empty": 0, "/a/c/small": 65536, "/a/c/large": 65537, "/a/c/larger": 1<<20 + 3, "/a/c/largest": 5 << 20} {
		body := []byte(strings.Repeat(name+"/", size/len(name)+1))[:size]
		all[name] = body
	}
	return all
}

// filledWith is a fresh partition with those bodies; put stores one.
func filledWith(t *testing.T, put func(*store.Partition, string, proto.Timestamp, []byte, ...hashes.Field) error) *store.Partition {
	t.Helper()
	p := held(t, storetest.Devices(t))
	for name, body := range bodiesOf() {
		if err := put(p, name, storetest.Time(1), body); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// same fails the test unless two partitions hold the same of some names.
func samePartitions(t *testing.T, a, b *store.Partition) {
	t.Helper()
	for name := range bodiesOf() {
		if here, there := storetest.MustState(t, a, name), storetest.MustState(t, b, name); here != there {
			t.Errorf("%s: %s\nand there %s", name, here, there)
		}
	}
}

// What was received with its MD5 checked is sent on by its stored digest; what was
// received by that has none, and is checked by MD5 again.
func TestStoredOnTheSecondHop(t *testing.T) {
	first := filledWith(t, storetest.Put)
	hops := []ssync.Verified{{MD5: 3, Small: 2}, {Stored: 3, Small: 2}, {MD5: 3, Small: 2}}
	from := first
	for i, want := range hops {
		address, devices := startNode(t)
		r := sendAll(t, from, address)
		if r.Err != nil || r.Proven != 5 || r.Verified != want || r.Features.String() != "xxh64,results,stored" {
			t.Errorf("hop %d: %d proven, %v (%v): %v", i, r.Proven, r.Verified, r.Features, r.Err)
		}
		to := held(t, devices)
		samePartitions(t, from, to)
		from = to
	}
}

// Of what both ends allow the stronger way is taken.
func TestTheStrongerWay(t *testing.T) {
	p := filledWith(t, storetest.PutSummed)
	md5, stored, none := ssync.Verified{MD5: 3, Small: 2}, ssync.Verified{Stored: 3, Small: 2}, ssync.Verified{None: 5}
	for _, test := range []struct {
		here, there ssync.Verify
		want        ssync.Verified
	}{
		{"md5", "md5", md5}, {"md5", "stored", md5}, {"md5", "none", md5},
		{"stored", "md5", md5}, {"stored", "stored", stored}, {"stored", "none", stored},
		{"none", "md5", md5}, {"none", "stored", stored}, {"none", "none", none},
	} {
		t.Run(string(test.here)+" to "+string(test.there), func(t *testing.T) {
			var log lines
			address, devices := startNode(t, verifying(test.there), func(c *dataplane.Config) { c.Log = log.logger() })
			r := sendAll(t, p, address, asks(test.here))
			proven := 5
			if test.want == none {
				proven = 0
			}
			if r.Err != nil || r.Sent != 5 || r.Verified != test.want || r.Proven != proven || r.Unproven != 5-proven {
				t.Errorf("%d proven, %d unproven, %v: %v", r.Proven, r.Unproven, r.Verified, r.Err)
			}
			if line := saidOfSession(t, &log); !strings.Contains(line, `verified="`+test.want.String()+`"`) {
				t.Errorf("there: %s", line)
			}
			samePartitions(t, p, held(t, devices))
		})
	}
}

// What was sent unchecked is not proven by a session that failed afterwards, nor by
// the next of that kind, which finds it there.
func TestUncheckedIsNeverProven(t *testing.T) {
	p := filledWith(t, storetest.Put)
	address, _ := startNode(t, verifying(ssync.VerifyNone))
	sendAll(t, p, address, asks(ssync.VerifyNone))
	if r := sendAll(t, p, address, asks(ssync.VerifyNone)); r.Err != nil || r.Sent != 0 || r.Proven != 0 || r.Unproven != 5 {
		t.Errorf("%+v", r)
	}
	refused := storetest.Hash("/a/c/small").String()
	address, _ = startNode(t, verifying(ssync.VerifyNone), func(c *dataplane.Config) {
		c.Store = storetest.New(t, func(c *store.Config) {
			c.Witness = storetest.Hooks{OnBefore: func(op *store.Op) error {
				if op.Call == store.CallLink && strings.Contains(op.To, refused) {
					return unix.EDQUOT
				}
				return nil
			}}
		})
	})
	if r := sendAll(t, p, address, asks(ssync.VerifyNone)); r.Err == nil || r.Proven != 0 || r.Failed != 1 || r.Unproven != 4 {
		t.Errorf("%+v", r)
	}
	if r := sendAll(t, p, address, asks(ssync.VerifyStored)); r.Err == nil || r.Sent != 5 || r.Proven != 4 || r.Failed != 1 {
		t.Errorf("%+v", r)
	}
}

// A stored digest that is wrong is refused, and mended where the body is right; a
// body that has changed under a right one is refused, and put to quarantine.
func TestWrongStoredDigest(t *testing.T) {
	p := filledWith(t, storetest.PutSummed)
	address, devices := startNode(t)
	body := bodiesOf()["/a/c/large"]
	alter := func(name string, f func(path string) error) {
		t.Helper()
		h := storetest.Hash(name)
		if err := f(filepath.Join(p.Path(), h.Suffix().String(), h.String(), storetest.Time(1).Internal()+".data")); err != nil {
			t.Fatal(err)
		}
	}
	alter("/a/c/large", func(path string) error {
		wrong := hashes.StoredSum{Sum: xxhash.Sum64(body) + 1, Length: int64(len(body)), ETag: hashes.Checksum(body)}
		return unix.Setxattr(path, hashes.StoredSumXattr, hashes.AppendStoredSum(nil, wrong), 0)
	})
	alter("/a/c/larger", func(path string) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteAt([]byte("rot"), 1000)
			f.Close()
		}
		return err
	})
	r := sendAll(t, p, address)
	if r.Err == nil || r.Proven != 3 || r.Failed != 2 {
		t.Errorf("%d proven, %d failed: %v", r.Proven, r.Failed, r.Err)
	}
	for _, name := range []string{"/a/c/large", "/a/c/larger"} {
		if state := storetest.MustState(t, held(t, devices), name); state != "nothing" {
			t.Errorf("%s: %s", name, state)
		}
	}
	if state := storetest.MustState(t, p, "/a/c/larger"); state != "nothing" {
		t.Errorf("not quarantined: %s", state)
	}
	r = sendAll(t, p, address)
	if r.Err != nil || r.Proven != 4 || r.Verified != (ssync.Verified{Stored: 1}) {
		t.Errorf("once more: %d proven, %v: %v", r.Proven, r.Verified, r.Err)
	}
}

// A stored digest of another body, by length or ETag, is not announced.
func TestStaleStoredDigest(t *testing.T) {
	for name, stale := range map[string]func(*hashes.StoredSum){
		"length": func(s *hashes.StoredSum) { s.Length-- },
		"ETag":   func(s *hashes.StoredSum) { s.ETag = hashes.Checksum([]byte("other")) },
	} {
		t.Run(name, func(t *testing.T) {
			p := held(t, storetest.Devices(t))
			body := bodiesOf()["/a/c/large"]
			if err := storetest.PutSummed(p, "/a/c/large", storetest.Time(1), body); err != nil {
				t.Fatal(err)
			}
			s := hashes.StoredSum{Sum: 1, Length: int64(len(body)), ETag: hashes.Checksum(body)}
			stale(&s)
			h := storetest.Hash("/a/c/large")
			path := filepath.Join(p.Path(), h.Suffix().String(), h.String(), storetest.Time(1).Internal()+".data")
			if err := unix.Setxattr(path, hashes.StoredSumXattr, hashes.AppendStoredSum(nil, s), 0); err != nil {
				t.Fatal(err)
			}
			address, _ := startNode(t)
			if r := sendAll(t, p, address); r.Err != nil || r.Verified != (ssync.Verified{MD5: 1}) || r.Proven != 1 {
				t.Errorf("%d proven, %v: %v", r.Proven, r.Verified, r.Err)
			}
		})
	}
}
