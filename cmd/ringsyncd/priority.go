package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"

	"github.com/ringsync/ringsync/dataplane/config"
	"golang.org/x/sys/unix"
)

// setPriorities sets nice_priority and ionice_class. Where that fails the
// priority stays what it is, as in Swift. Source: utils, modify_priority.
func setPriorities(log *slog.Logger, s *config.Settings) {
	if n := s.NicePriority; n != nil {
		err := eachThread(func(tid int) error { return unix.Setpriority(unix.PRIO_PROCESS, tid, *n) })
		if err != nil {
			log.Warn("nice_priority is left as it is", "nice_priority", *n, "error", err)
		}
	}
	if s.IoniceClass != "" {
		value := ioprio(s.IoniceClass, s.IonicePriority)
		err := eachThread(func(tid int) error { return setIOPriority(tid, value) })
		if err != nil {
			log.Warn("ionice_class is left as it is", "ionice_class", s.IoniceClass, "ionice_priority", s.IonicePriority, "error", err)
		}
	}
}

// ioprio is the kernel's word for a class and a priority: linux/ioprio.h.
func ioprio(class string, priority int) uintptr {
	classes := map[string]uintptr{"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
	return classes[class]<<13 | uintptr(priority)
}

func setIOPriority(tid int, value uintptr) error {
	const whoProcess = 1 // IOPRIO_WHO_PROCESS
	if _, _, errno := unix.Syscall(unix.SYS_IOPRIO_SET, whoProcess, uintptr(tid), value); errno != 0 {
		return fmt.Errorf("ioprio_set: %w", errno)
	}
	return nil
}

// eachThread does something to every thread, since Linux has a priority for each.
// Threads that are made later have that of the thread that makes them; so it is
// over when none is left that was not done.
func eachThread(do func(tid int) error) error {
	done := map[int]bool{}
	for again := true; again; {
		again = false
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, task := range tasks {
			tid, err := strconv.Atoi(task.Name())
			if err != nil || done[tid] {
				continue
			}
			done[tid], again = true, true
			if err := do(tid); err != nil && !errors.Is(err, unix.ESRCH) { // a thread that has ended
				return err
			}
		}
	}
	return nil
}
