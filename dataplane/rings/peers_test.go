package rings_test

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringsync/ringsync/dataplane/rings"
	"github.com/ringsync/ringsync/hashes/ring/ringtest"
)

// Whoever a ring names may connect, by either address or by a host's name, until
// no ring names him any more. A name server that is away takes nobody's right.
func TestPeers(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	s, _ := set(t, dir, always)
	names := map[string]netip.Addr{"host": netip.MustParseAddr("10.7.7.7")}
	lookup := func(_ context.Context, host string) ([]netip.Addr, error) {
		if address, ok := names[host]; ok {
			return []netip.Addr{address}, nil
		}
		return nil, errors.New("no such host")
	}
	if _, err := rings.NewPeers(t.Context(), s, lookup, log); !errors.Is(err, rings.ErrNoAddresses) {
		t.Errorf("without a ring: %v", err)
	}

	devices := ringtest.Devices(3)
	devices[0].IP, devices[0].ReplicationIP, devices[2].ReplicationIP = "host", "later", "fd00::1"
	write := func() {
		ringtest.Write(t, filepath.Join(dir, "object-1.ring.gz"), ringtest.Encode(t, devices, ringtest.Rows(1, 3, 3), nil))
	}
	write()
	peers, err := rings.NewPeers(t.Context(), s, lookup, log)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(when string, allowed string, refused ...string) {
		t.Helper()
		if !peers.Allowed(netip.MustParseAddr(allowed)) {
			t.Errorf("%s: %s is refused", when, allowed)
		}
		for _, address := range refused {
			if peers.Allowed(netip.MustParseAddr(address)) {
				t.Errorf("%s: %s is allowed", when, address)
			}
		}
	}
	for _, address := range []string{"10.7.7.7", "10.0.0.1", "10.1.0.1", "::ffff:10.0.0.2", "fd00::1", "fd00::1%eth0"} {
		expect("at first", address, "10.0.0.3", "fd00::2", "10.8.8.8")
	}

	names = map[string]netip.Addr{"later": netip.MustParseAddr("10.8.8.8")}
	peers.Refresh(t.Context())
	expect("a name is found at last, the other is not any more", "10.8.8.8")
	expect("a name is found at last, the other is not any more", "10.7.7.7")

	devices[1].IP, devices[2].ReplicationIP = "10.0.0.9", "10.1.0.2"
	write()
	peers.Refresh(t.Context())
	expect("another ring", "10.0.0.9", "10.0.0.1", "fd00::1")
}

// A node that is added to a ring may connect within half a minute.
func TestPeersRun(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "object.ring.gz")
	ringtest.Write(t, path, ringtest.Encode(t, ringtest.Devices(2), ringtest.Rows(1, 2, 2), nil))
	synctest.Test(t, func(t *testing.T) {
		s, _ := set(t, dir, 0)
		peers, err := rings.NewPeers(t.Context(), s, nil, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { peers.Run(ctx); close(ended) }()

		ringtest.Write(t, path, ringtest.Encode(t, ringtest.Devices(3), ringtest.Rows(1, 2, 3), nil))
		added := netip.MustParseAddr("10.1.0.2")
		if peers.Allowed(added) {
			t.Error("allowed before anybody looked")
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if !peers.Allowed(added) {
			t.Error("not allowed after half a minute")
		}
		cancel()
		<-ended
	})
}
