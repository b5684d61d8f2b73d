package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// mountInfo lists the mounts of this process's namespace. The kernel raises
// POLLPRI on an open descriptor of it when they change. Source: proc(5).
const mountInfo = "/proc/self/mountinfo"

// Watch tells who holds a device that it has gone. A descriptor keeps a disk busy
// that an operator has unmounted with MNT_DETACH (umount -l), and what is written
// through it is seen by nobody any more; so its holder should end soon. An
// ordinary umount changes nothing and is refused as long as somebody holds on.
//
// A nil Watch tells nobody anything.
type Watch struct {
	mounts, stop int // descriptors: mountInfo, and an eventfd that ends the waiting
	done         chan struct{}

	mu      sync.Mutex
	holders map[*holder]struct{}
	looks   sync.WaitGroup
}

// holder is somebody who holds a device. To look at a device may take as long as
// its disk likes, so nobody waits for that but who wants to let go of it.
type holder struct {
	device *Device
	gone   func(error)

	mu  sync.Mutex // held while the device is looked at, which must stay open
	let bool       // it has been let go of, or its holder told
}

// NewWatch begins to watch the mounts of this process's namespace, until Close.
func NewWatch() (*Watch, error) {
	mounts, err := unix.Open(mountInfo, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", mountInfo, err)
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(mounts)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	w := &Watch{mounts: mounts, stop: stop, done: make(chan struct{}), holders: map[*holder]struct{}{}}
	go w.run()
	return w, nil
}

// Hold says that a device is in use until release is called, which comes before
// the device's Close. If it goes before, gone is told ErrUnmounted, once, perhaps
// by Hold itself and mostly on another goroutine. It must not block.
func (w *Watch) Hold(d *Device, gone func(error)) (release func()) {
	if w == nil {
		return func() {}
	}
	h := &holder{device: d, gone: gone}
	w.mu.Lock()
	w.holders[h] = struct{}{}
	w.mu.Unlock()
	w.look(h) // it may have gone since it was opened, and that change is over
	return func() {
		h.mu.Lock()
		h.let = true
		h.mu.Unlock()
		w.forget(h)
	}
}

func (w *Watch) forget(h *holder) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.holders, h)
}

// run waits for the mounts to change. The kernel counts the changes since the
// last poll, or since the open, so that none is missed.
func (w *Watch) run() {
	defer close(w.done)
	fds := []unix.PollFd{{Fd: int32(w.mounts), Events: unix.POLLPRI}, {Fd: int32(w.stop), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil || fds[1].Revents != 0:
			return
		}
		for _, h := range w.all() {
			w.looks.Go(func() { w.look(h) })
		}
	}
}

func (w *Watch) all() []*holder {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Keys(w.holders))
}

// look tells a holder whose device has gone. He is told without the lock, for he
// may let go at once.
func (w *Watch) look(h *holder) {
	if err := h.present(); errors.Is(err, ErrUnmounted) {
		w.forget(h)
		h.gone(err)
	}
}

// present is the device's Present, which fails once at the most.
func (h *holder) present() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.let {
		return nil
	}
	err := h.device.Present()
	h.let = errors.Is(err, ErrUnmounted)
	return err
}

// Close ends the watch. Nobody holds a device any more.
func (w *Watch) Close() {
	if w == nil {
		return
	}
	unix.Write(w.stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // an eventfd takes eight bytes, and has room for the first
	<-w.done
	w.looks.Wait()
	unix.Close(w.mounts)
	unix.Close(w.stop)
}
