package uringtest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Restrictions of a process.
const (
	Forbidden = "EPERM"   // a seccomp filter, as container runtimes set one
	Hidden    = "ENOSYS"  // another, or a kernel without io_uring
	Memlock   = "memlock" // 64 KiB of locked memory, and no privilege to have more
)

// restrictEnv tells a process what it lacks.
const restrictEnv = "RINGSYNC_TEST_RESTRICT"

// memlockBytes is what systems of the io_uring of 5.1 gave a user.
const memlockBytes = 64 << 10

// Restricted is what this process lacks; empty for nothing.
func Restricted() string { return os.Getenv(restrictEnv) }

// Restrict makes it so. TestMain calls it first.
func Restrict() {
	var err error
	switch how := Restricted(); how {
	case "":
	case Forbidden:
		err = refuse(unix.EPERM)
	case Hidden:
		err = refuse(unix.ENOSYS)
	case Memlock:
		err = unix.Setrlimit(unix.RLIMIT_MEMLOCK, &unix.Rlimit{Cur: memlockBytes, Max: memlockBytes})
	default:
		err = fmt.Errorf("%s=%q is not known", restrictEnv, how)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "restrict:", err)
		os.Exit(1)
	}
}

// The three calls of io_uring have the same numbers everywhere.
const firstCall, lastCall = 425, 427

// refuse answers every call of io_uring with errno from here on, on all threads.
func refuse(errno unix.Errno) error {
	const (
		load, atLeast, atMost, ret = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, unix.BPF_JMP | unix.BPF_JGT | unix.BPF_K, unix.BPF_RET | unix.BPF_K
		retAllow, retErrno         = 0x7fff0000, 0x00050000
		setModeFilter, tsync       = 1, 1
	)
	filter := []unix.SockFilter{
		{Code: load, K: 0}, // the call's number
		{Code: atLeast, K: firstCall, Jf: 2},
		{Code: atMost, K: lastCall, Jt: 1},
		{Code: ret, K: retErrno | uint32(errno)},
		{Code: ret, K: retAllow},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	// Sound: the kernel copies the program during the call, which keeps it alive.
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, setModeFilter, tsync, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return os.NewSyscallError("seccomp", errno)
	}
	return nil
}

// Each runs f for every restriction.
func Each(t *testing.T, f func(t *testing.T, how string)) {
	t.Helper()
	for _, how := range []string{Forbidden, Hidden, Memlock} {
		t.Run(how, func(t *testing.T) { f(t, how) })
	}
}

// Rerun runs the tests that match a pattern in a restricted process, which must
// find some and pass them all, and returns what it printed. env is added to its
// environment.
func Rerun(t *testing.T, how, pattern string, env ...string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run="+pattern, "-test.v", "-test.count=1")
	cmd.Env = append(append(os.Environ(), restrictEnv+"="+how, "REQUIRE_URING="), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := start(cmd, how == Memlock); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "--- PASS") {
		t.Fatalf("%s under %s: %v\n%s", pattern, how, err, out.String())
	}
	return out.String()
}

// start starts a process, without the privilege to lock memory if that is asked:
// the bounding set of the thread that forks is what root has after exec(2).
func start(cmd *exec.Cmd, unprivileged bool) error {
	if !unprivileged {
		return cmd.Start()
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with its goroutine
		err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_IPC_LOCK, 0, 0, 0)
		if err == unix.EPERM {
			err = nil // who may not drop it does not have it
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
	}()
	return <-started
}
