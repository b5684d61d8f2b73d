package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/dataplane/store"
)

// disks are a sender's and a receiver's that hold the same, from then on.
type disks struct {
	source, target string // devices directories
	partitions     []uint32
	since          time.Time
	touches        int
}

// fillSource makes the sender's disk, and an empty directory for the receiver's.
func (h *harness) fillSource(ctx context.Context, s *set) (err error) {
	s.source, s.target = filepath.Join(h.volume.Dir, "source"), filepath.Join(h.volume.Dir, "target")
	h.say("%s: filling %d objects, %d MB", s.Name, s.Spec.Objects, s.Spec.Bytes()/1e6)
	if err := h.fill(ctx, s, s.source); err != nil {
		return fmt.Errorf("filling the sender's disk: %w", err)
	}
	s.since = time.Now()
	if s.Leaves {
		s.leaving = filepath.Join(h.volume.Dir, "leaving")
	}
	if !h.storedHere(s) {
		return nil
	}
	stored := *s
	stored.Spec.StoredDigest = true
	s.stored = filepath.Join(h.volume.Dir, "stored")
	if err := h.fill(ctx, &stored, s.stored); err != nil {
		return fmt.Errorf("filling the sender's disk with stored digests: %w", err)
	}
	return nil
}

// storedHere tells whether somebody is here who needs a set with stored digests too.
func (h *harness) storedHere(s *set) bool {
	for _, c := range s.cells {
		for _, name := range c.contestants {
			if who, here := h.who[name]; here && who.Stored && s.canStore() {
				return true
			}
		}
	}
	return false
}

// fill writes a set's objects below a devices directory.
func (h *harness) fill(ctx context.Context, s *set, devices string) error {
	if err := empty(devices); err != nil {
		return err
	}
	return h.onDisk(s, devices, func(f *workload.Filler, d workload.Disk) (err error) {
		if err := f.FillDisk(ctx, d); err != nil {
			return err
		}
		s.partitions, err = d.Device.Partitions(d.Policy)
		slices.Sort(s.partitions)
		return err
	})
}

// onDisk opens a sender's disk of a set for its filler.
func (h *harness) onDisk(s *set, devices string, do func(*workload.Filler, workload.Disk) error) error {
	st, err := store.New(store.Config{Devices: devices, Cluster: h.cluster})
	if err != nil {
		return err
	}
	d, err := st.Device(device)
	if err != nil {
		return err
	}
	defer d.Close()
	return do(workload.NewFiller(s.Spec, h.cluster.Secret), workload.Disk{Device: d, Policy: h.cluster.Policies[0], PartPower: s.partPower})
}

// empty makes a devices directory with nothing but a device in it.
func empty(devices string) error {
	return errors.Join(os.RemoveAll(devices), os.MkdirAll(filepath.Join(devices, device), 0o755))
}

// fillBoth makes both disks of a set that the receiver holds, or finds those that
// another set has made.
func (h *harness) fillBoth(ctx context.Context, s *set) error {
	d := h.disks[s.disks()]
	if d == nil {
		dir := filepath.Join(h.volume.Dir, s.disks())
		s.source, s.target = filepath.Join(dir, "source"), filepath.Join(dir, "target")
		h.say("%s: filling two disks with %d objects each", s.Name, s.Spec.Objects)
		if err := h.fill(ctx, s, s.source); err != nil {
			return fmt.Errorf("filling the sender's disk: %w", err)
		}
		if err := copyDisk(ctx, s.source, s.target); err != nil {
			return fmt.Errorf("filling the receiver's disk: %w", err)
		}
		d = &disks{source: s.source, target: s.target, partitions: s.partitions, since: time.Now()}
		h.disks[s.disks()] = d
	}
	s.source, s.target, s.partitions, s.since = d.source, d.target, d.partitions, d.since
	return h.volume.Sync()
}

// copyDisk copies a disk with attributes and times, so that rsync too finds
// nothing to do.
func copyDisk(ctx context.Context, from, to string) error {
	out, err := exec.CommandContext(ctx, "cp", "--archive", "--reflink=never", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cp: %w: %.200s", err, out)
	}
	return nil
}

// settle waits until a set's objects are old.
func (h *harness) settle(ctx context.Context, s *set) error {
	left := time.Until(s.since.Add(settleTime))
	if s.young || left <= 0 {
		return nil
	}
	h.say("%s: letting the disks grow older than two minutes, %.0f s more", s.Name, left.Seconds())
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(left):
		return nil
	}
}

// touchStep is how much newer the objects of a Changed set become each time, in
// raw timestamp units: a second. They stay older than now for a day.
const touchStep = 100_000

// ready brings the disks into the state that a run begins from.
func (h *harness) ready(ctx context.Context, s *set) error {
	switch s.Target {
	case workload.Empty:
		if err := empty(s.target); err != nil {
			return err
		}
		if s.Leaves {
			if err := errors.Join(os.RemoveAll(s.leaving), copyDisk(ctx, s.source, s.leaving)); err != nil {
				return fmt.Errorf("filling the handoff's disk: %w", err)
			}
		}
	case workload.Changed:
		d := h.disks[s.disks()]
		d.touches++
		err := h.onDisk(s, s.source, func(f *workload.Filler, disk workload.Disk) error {
			return f.Touch(ctx, disk, s.Every, int64(d.touches)*touchStep)
		})
		if err != nil {
			return fmt.Errorf("changing the sender's disk: %w", err)
		}
	}
	return h.volume.Sync()
}
