package main

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/cmd/internal/account"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"golang.org/x/sys/unix"
)

func whoAmI(t *testing.T) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

// Root becomes the file's user, with his groups, in every thread; the state
// directory is his, and the daemon is in / with a umask of 022.
func TestBecome(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	a := anyAccount(t)
	devices, state := storetest.Devices(t), filepath.Join("/tmp", fmt.Sprintf("ringsyncd-test-%d", os.Getpid()))
	t.Cleanup(func() { os.RemoveAll(state) })
	if err := os.Chmod(devices, 0o755); err != nil {
		t.Fatal(err)
	}
	d := start(t, "--listen=127.0.0.1:0", "--state-dir="+state, conf(t, "user = "+a.Name+"\ndevices = "+devices+"\nswift_dir = "+swiftDir(t), ""))
	d.healthy()

	for _, status := range threads(t, d.cmd.Process.Pid, "status") {
		want := map[string]string{"Uid:": repeat(a.UID), "Gid:": repeat(a.GID), "Umask:": "0022", "Groups:": sortedGroups(a.Groups)}
		for line := range strings.Lines(status) {
			name, value, _ := strings.Cut(line, "\t")
			if wanted, ok := want[name]; ok && strings.Join(strings.Fields(value), " ") != wanted {
				t.Errorf("%s %q, want %q", name, value, wanted)
			}
		}
	}
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", d.cmd.Process.Pid)); err != nil || cwd != "/" {
		t.Errorf("it works in %s: %v", cwd, err)
	}
	var st unix.Stat_t
	if err := unix.Stat(state, &st); err != nil || int(st.Uid) != a.UID || int(st.Gid) != a.GID {
		t.Errorf("the state directory is %d's: %v", st.Uid, err)
	}
	if strings.Contains(d.log, "forgotten at a restart") {
		t.Errorf("the state directory is no good:\n%s", d.log)
	}
	d.stop()
}

// anyAccount is a user without power, of those that Debian has.
func anyAccount(t *testing.T) *account.Account {
	t.Helper()
	for _, name := range []string{"swift", "nobody", "daemon"} {
		if a, err := account.LookUp(name); err == nil {
			return a
		}
	}
	t.Skip("no user swift, nobody or daemon")
	return nil
}

func repeat(id int) string { return strings.TrimSpace(strings.Repeat(strconv.Itoa(id)+" ", 4)) }

func sortedGroups(groups []int) string {
	var texts []string
	for _, g := range slices.Sorted(slices.Values(groups)) {
		texts = append(texts, strconv.Itoa(g))
	}
	return strings.Join(texts, " ")
}

// Priorities are those of the keys, in every thread; a class that we may not have
// is left alone.
func TestPriorities(t *testing.T) {
	d := start(t, "--listen=127.0.0.1:0", "--state-dir="+t.TempDir(), conf(t, "user = "+whoAmI(t)+"\ndevices = "+storetest.Devices(t)+"\nswift_dir = "+swiftDir(t)+
		"\nnice_priority = 3\nionice_class = IOPRIO_CLASS_BE\nionice_priority = 6", ""))
	defer d.stop()

	for _, stat := range threads(t, d.cmd.Process.Pid, "stat") {
		_, after, _ := strings.Cut(stat, ") ")
		fields := strings.Fields(after)
		if nice := fields[16]; nice != "3" {
			t.Errorf("nice %s", nice)
		}
		tid, err := strconv.Atoi(strings.Fields(stat)[0])
		if err != nil {
			t.Fatal(err)
		}
		got, _, errno := unix.Syscall(unix.SYS_IOPRIO_GET, 1, uintptr(tid), 0)
		if want := ioprio("IOPRIO_CLASS_BE", 6); errno != 0 || got != want {
			t.Errorf("ioprio %#x, want %#x: %v", got, want, errno)
		}
	}
}
