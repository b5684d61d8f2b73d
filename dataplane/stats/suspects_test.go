package stats

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
)

// A device that does not answer is told as such, beside the others, is looked at once
// however often somebody scrapes, and is as it was before once it answers again.
func TestHangingDevice(t *testing.T) {
	s, st := newStats(t)
	d := newDevices(st)
	var opened atomic.Int32
	var hangs atomic.Pointer[chan struct{}]
	suspect := errors.Join(store.ErrSuspect)
	d.names = func() ([]string, error) { return []string{"d1", "d2"}, nil }
	answered := make(chan struct{}, 10)
	d.open = func(name string) error {
		if name == "d2" {
			answered <- struct{}{}
			return nil
		}
		opened.Add(1)
		if c := hangs.Load(); c != nil {
			<-*c
		}
		return suspect
	}
	patient := d.patience
	if err := s.registry.Register(d); err != nil {
		t.Fatal(err)
	}
	has(t, scrape(t, s), `ringsync_device_suspect{device="d1"} 1`, `ringsync_device_usable{device="d2"} 1`)

	<-answered
	shut := make(chan struct{})
	hangs.Store(&shut)
	for range 3 {
		d.patience = func() (context.Context, context.CancelFunc) {
			late, expire := context.WithCancel(context.Background())
			go func() { // once the other device has answered, and only then
				<-answered
				d.mu.Lock()
				other := d.looks["d2"]
				d.mu.Unlock()
				<-other.done
				expire()
			}()
			return late, expire
		}
		lines := scrape(t, s)
		has(t, lines, `ringsync_device_hangs{device="d1"} 1`, `ringsync_device_suspect{device="d1"} 1`, `ringsync_device_usable{device="d2"} 1`)
		if all := strings.Join(lines, "\n"); strings.Contains(all, `hangs{device="d2"}`) || strings.Contains(all, `usable{device="d1"}`) {
			t.Error(all)
		}
	}
	if n := opened.Load(); n != 2 {
		t.Errorf("opened %d times", n)
	}
	hangs.Store(nil)
	close(shut)
	<-d.looks["d1"].done
	d.patience = patient
	if all := strings.Join(scrape(t, s), "\n"); strings.Contains(all, "hangs") {
		t.Error(all)
	}
}
