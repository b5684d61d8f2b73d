package uring

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// While a ring is made.
var (
	// ErrTooOld is returned by New on a kernel whose rings lack what this package
	// stands on: waits with a deadline (5.11).
	ErrTooOld = errors.New("io_uring of this kernel is too old")
)

// While a ring is used.
var (
	// ErrFull is returned for an operation when as many are in flight as the ring
	// has places for. It was not queued.
	ErrFull = errors.New("ring is full")
	// ErrWoken is returned by Wait when another goroutine called Wake.
	ErrWoken = errors.New("woken")
)

// Unavailable tells an error of New that means: not on this machine, or not for
// this process. Any other is an error to be reported, such as too many open
// files.
func Unavailable(err error) bool {
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM, unix.EACCES, unix.EINVAL, unix.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return errors.Is(err, ErrTooOld)
}

// Explain says in an operator's words why New failed, and what he could change.
func Explain(err error) string {
	switch {
	case err == nil:
		return "io_uring works"
	case errors.Is(err, unix.ENOSYS):
		return "no io_uring: the kernel is built without it, or a seccomp filter hides it (ENOSYS)"
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		if v := sysctl(); v != "" && v != "0" {
			return fmt.Sprintf("io_uring is forbidden: sysctl kernel.io_uring_disabled is %s", v)
		}
		return "io_uring is forbidden, most likely by a seccomp filter (container runtimes set one)"
	case errors.Is(err, unix.EINVAL), errors.Is(err, ErrTooOld):
		return "the kernel's io_uring is too old: 5.11 or later is needed"
	case errors.Is(err, unix.ENOMEM):
		return fmt.Sprintf("no memory for a ring: RLIMIT_MEMLOCK is %s, shared by all rings of this user", memlock())
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return "too many open files"
	}
	return err.Error()
}

// sysctl is the value of kernel.io_uring_disabled; empty where there is none.
func sysctl() string {
	v, err := os.ReadFile("/proc/sys/kernel/io_uring_disabled")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(v))
}

func memlock() string {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_MEMLOCK, &limit); err != nil {
		return "unknown"
	}
	if limit.Cur == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return fmt.Sprintf("%d KiB", limit.Cur>>10)
}
