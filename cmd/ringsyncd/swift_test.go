package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
	"github.com/ringsync/ringsync/cmd/internal/account"
)

// Swift's own sender fills a device through a ringsyncd that root has started
// with a configuration: what comes to lie there belongs to the file's user, and a
// second pass finds nothing to do.
func TestSwiftSends(t *testing.T) {
	swift := peertest.Require(t)
	a, err := account.LookUp(whoAmI(t))
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		a = anyAccount(t)
	}
	swiftDir, from, to := peertest.SwiftDir(t), peertest.Devices(t), peertest.Devices(t)
	for _, dir := range []string{from, to} {
		if err := os.Mkdir(filepath.Join(dir, "d1"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{to, filepath.Join(to, "d1")} {
		if err := os.Chown(path, a.UID, a.GID); err != nil {
			t.Fatal(err)
		}
	}
	ops := []peer.Op{
		{Op: peer.Put, Name: "/AUTH_a/c/small", Timestamp: "1700000001.00000", Size: 10},
		{Op: peer.Put, Name: "/AUTH_a/c/large", Timestamp: "1700000002.00000", Size: 3 << 20},
		{Op: peer.Delete, Name: "/AUTH_a/c/gone", Timestamp: "1700000003.00000"},
	}
	if err := swift.Fill(t.Context(), swiftDir, from, "d1", ops); err != nil {
		t.Fatal(err)
	}

	d := start(t, "--listen=127.0.0.1:0", "--state-dir="+filepath.Join(t.TempDir(), "state"),
		conf(t, "user = "+a.Name+"\nswift_dir = "+swiftDir+"\ndevices = "+to+"\nreclaim_age = 3000000000", ""))
	defer d.stop()
	for _, wanted := range []int64{3, 0} {
		report, err := swift.Send(t.Context(), peer.SendConfig{SwiftDir: swiftDir, Devices: from, Device: "d1", To: d.address})
		if err != nil || !report.Success || report.Offered != 3 || report.Wanted != wanted {
			t.Errorf("want %d wanted: %+v, %v", wanted, report, err)
		}
	}
	checkOwner(t, filepath.Join(to, "d1"), a)
}

func checkOwner(t *testing.T, dir string, a *account.Account) {
	t.Helper()
	data := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != a.UID || int(st.Gid) != a.GID {
			t.Errorf("%s belongs to %d:%d, not to %s", path, st.Uid, st.Gid, a.Name)
		}
		if strings.HasSuffix(path, ".data") || strings.HasSuffix(path, ".ts") {
			data++
		}
		return nil
	})
	if err != nil || data != 3 {
		t.Errorf("%d objects: %v", data, err)
	}
}
