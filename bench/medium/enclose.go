package medium

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// enclosed is the variable of the environment that tells a program that it has
// been executed again.
const enclosed = "RINGSYNC_BENCH_ENCLOSED"

// Enclosed tells whether this process has a network and mounts of its own.
func Enclosed() bool { return os.Getenv(enclosed) == "1" }

// Enclose executes this program again, as the same process, with a network and
// mounts of its own; there it returns, where [Enclosed] is true. The network's
// loopback has nobody else's bytes on it, and one TCP congestion control for
// everybody, even for programs that have no option for it; "" is the system's.
//
// Without the right to it an UnavailableError is returned, and nothing is changed.
func Enclose(congestion string) error {
	if Enclosed() {
		return furnish(congestion)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	// The namespaces are the thread's; the program that it executes, as the whole
	// process, keeps them.
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return &UnavailableError{"a network and mounts of its own", err}
	}
	err = unix.Exec(self, os.Args, append(os.Environ(), enclosed+"=1"))
	return fmt.Errorf("execute %s: %w", self, err)
}

// furnish prepares the surroundings from within.
func furnish(congestion string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	// perf looks for the kernel's tracepoints there; without it they are left out.
	_ = unix.Mount("nodev", "/sys/kernel/tracing", "tracefs", 0, "")
	if err := loopbackUp(); err != nil {
		return fmt.Errorf("bring up the loopback: %w", err)
	}
	if congestion == "" {
		return nil
	}
	// The sysctl takes only what init_net allows everybody; a route takes all.
	for _, local := range []string{"127.0.0.0/8", "127.0.0.1"} {
		out, err := exec.Command("ip", "route", "change", "table", "local", "local", local, "dev", "lo",
			"proto", "kernel", "scope", "host", "src", "127.0.0.1", "congctl", congestion).CombinedOutput()
		if err != nil {
			return fmt.Errorf("TCP congestion control %s for everybody (ip route, of iproute2): %w: %.200s", congestion, err, out)
		}
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	err = unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, lo)
	lo.SetUint16(lo.Uint16() | unix.IFF_UP)
	return errors.Join(err, unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo))
}
