package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

// A configuration is enough, and its keys count: the address, the devices, the
// level of the log. The user is one that a test without root can be.
func TestConfiguration(t *testing.T) {
	devices := storetest.Devices(t)
	path := conf(t, "user = "+whoAmI(t)+"\nbind_port = "+freePort(t)+"\ndevices = "+devices+"\nswift_dir = "+swiftDir(t)+
		"\nmisspelt = 1\nworkers = 4", "devices = /nowhere\nset replication_concurrency = 2")
	d := start(t, "--state-dir="+t.TempDir(), path)
	d.healthy()
	d.stop()
	for _, want := range []string{path, "[DEFAULT] misspelt", `[app:object-server] devices`, "[DEFAULT] workers", "[app:object-server] replication_concurrency", devices} {
		if !strings.Contains(d.log, want) {
			t.Errorf("the log does not tell of %s", want)
		}
	}
	if t.Failed() {
		t.Log(d.log)
	}
}

// A flag wins over the file, and a directory of files is a file.
func TestFlagsWin(t *testing.T) {
	dir := t.TempDir()
	text, err := os.ReadFile(conf(t, "user = "+whoAmI(t)+"\nswift_dir = /nowhere\ndevices = /nowhere\nlog_level = error\nservers_per_port = 3", ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "one.conf"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	devices := storetest.Devices(t)
	d := start(t, "--listen=127.0.0.1:0", "--log-level=debug", "--swift-dir="+swiftDir(t), "--devices="+devices, "--state-dir="+t.TempDir(), dir)
	d.stop()
	if !strings.Contains(d.log, devices) {
		t.Errorf("other devices:\n%s", d.log)
	}
}

// A port that is in use is tried again until it is free.
func TestBindTimeout(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s := &config.Settings{BindIP: "127.0.0.1", BindPort: taken.Addr().(*net.TCPAddr).Port, Backlog: 7, KeepIdle: 11 * time.Second}
	if _, err := listen(t.Context(), log, s, ""); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("without a bind_timeout: %v", err)
	}

	s.BindTimeout = time.Hour
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := listen(ended, log, s, ""); err == nil {
		t.Error("it listens though it was cancelled")
	}

	type result struct {
		l   net.Listener
		err error
	}
	got := make(chan result)
	go func() { l, err := listen(t.Context(), log, s, ""); got <- result{l, err} }()
	taken.Close()
	r := <-got
	if r.err != nil {
		t.Fatal(r.err)
	}
	defer r.l.Close()
	checkSocket(t, r.l, s)
}

// 0.0.0.0 is IPv4's only, as in Swift; :: is both.
func TestNetwork(t *testing.T) {
	for ip, want := range map[string]string{"0.0.0.0": "tcp4", "10.0.0.7": "tcp4", "::": "tcp", "fd00::1": "tcp", "node-7": "tcp"} {
		if got := network(ip); got != want {
			t.Errorf("%s: %s", ip, got)
		}
	}
}

// checkSocket asks the kernel for what the keys have set.
func checkSocket(t *testing.T, l net.Listener, s *config.Settings) {
	t.Helper()
	peer, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()

	control := func(c syscall.Conn, read func(fd int)) {
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		raw.Control(func(fd uintptr) { read(int(fd)) })
	}
	control(l.(*net.TCPListener), func(fd int) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || int(info.Sacked) != s.Backlog { // of a listener: its backlog
			t.Errorf("backlog %d: %v", info.Sacked, err)
		}
	})
	control(conn.(*net.TCPConn), func(fd int) {
		for option, want := range map[int]int{unix.TCP_KEEPIDLE: int(s.KeepIdle.Seconds()), unix.TCP_NODELAY: 1} {
			if got, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, option); err != nil || got != want {
				t.Errorf("option %d is %d, want %d: %v", option, got, want, err)
			}
		}
	})
}

// swift_dir without a swift.conf: the one that Swift before 2.37 reads counts.
func TestSwiftConfElsewhere(t *testing.T) {
	etc, empty, other := swiftDir(t), t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "swift.conf"), []byte("[swift-hash]\nswift_hash_path_suffix = another\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what, dir, otherwise, suffix, told string
	}{
		{"it is there", etc, empty, "suf", ""},
		{"it is not there", empty, etc, "suf", "has no swift.conf"},
		{"both, and they differ", other, etc, "another", "differ"},
		{"both, and they are alike", etc, swiftDir(t), "suf", ""},
		{"neither", empty, t.TempDir(), "", ""},
	} {
		var told strings.Builder
		cluster, err := readClusterOr(slog.New(slog.NewTextHandler(&told, nil)), test.dir, test.otherwise)
		if test.suffix == "" {
			if err == nil || !strings.Contains(err.Error(), test.dir) {
				t.Errorf("%s: %v", test.what, err)
			}
			continue
		}
		if err != nil || cluster.Secret.Suffix != test.suffix {
			t.Errorf("%s: %+v, %v", test.what, cluster, err)
		}
		if (test.told == "") != (told.Len() == 0) || !strings.Contains(told.String(), test.told) {
			t.Errorf("%s: told %q", test.what, told.String())
		}
	}
}

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// threads reads a file of each thread of a process.
func threads(t *testing.T, pid int, name string) (texts []string) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/%s", pid, name))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d threads: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // a thread that has ended
		}
		texts = append(texts, string(text))
	}
	return texts
}
