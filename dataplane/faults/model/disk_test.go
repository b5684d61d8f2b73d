package model_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// disk is a device, what may be on it, and who watches its calls.
type disk struct {
	t       *testing.T
	label   string
	devices string
	fault   storetest.Fault
	journal *storetest.Journal
	store   *store.Store
	may     map[string]states
	cuts    int
	r       *rand.Rand
}

func newDisk(t *testing.T, label string, r *rand.Rand) *disk {
	d := &disk{t: t, r: r, label: label, devices: storetest.Devices(t), may: map[string]states{}}
	for _, name := range names {
		d.may[name] = states{{}}
	}
	d.mount()
	return d
}

// mount opens the device as a process does that starts now. All that lies there
// counts as durable.
func (d *disk) mount() {
	d.journal = storetest.NewJournal()
	d.store = faultstest.Store(d.t, d.devices, witness{&d.fault, d.journal})
	if err := d.journal.Start(filepath.Join(d.devices, "d1")); err != nil {
		d.t.Fatal(err)
	}
}

// witness refuses a call, or lets the journal see it.
type witness struct {
	fault   *storetest.Fault
	journal *storetest.Journal
}

func (w witness) Before(op *store.Op) error {
	if err := w.fault.Before(op); err != nil {
		return err
	}
	return w.journal.Before(op)
}

func (w witness) After(op *store.Op, err error) { w.journal.After(op, err) }

// with lends the partition for a moment. A device that became suspect is mounted
// anew first: what its failed fsync was about may be there or not.
func (d *disk) with(f func(p *store.Partition)) {
	device, err := d.store.Device("d1")
	if errors.Is(err, store.ErrSuspect) {
		d.cutPower()
		device, err = d.store.Device("d1")
	}
	if err != nil {
		d.t.Fatalf("disk %s: %v", d.label, err)
	}
	defer device.Close()
	f(device.Partition(d.store.Cluster().Policies[0], 0))
}

// apply carries out a change as a receiver does, and tells what came of it.
func (d *disk) apply(name string, c change) (err error) {
	color := hashes.Field{Key: "X-Object-Meta-Color", Value: c.color}
	d.with(func(p *store.Partition) {
		switch c.kind {
		case "put":
			err = storetest.Put(p, name, c.at, c.body, color)
		case "post":
			err = storetest.Post(p, name, c.at, color)
		default:
			err = storetest.Delete(p, name, c.at)
		}
	})
	var conflict *store.ConflictError
	var deleted *store.DeletedError
	now := d.may[name]
	switch {
	case err == nil:
		d.may[name] = nil
		for _, s := range now {
			d.may[name] = d.may[name].with(c.after(s))
		}
	case errors.As(err, &conflict), errors.As(err, &deleted), errors.Is(err, store.ErrNotExist):
		return nil // refused: as new is there, or nothing to post to
	default:
		for _, s := range now {
			d.may[name] = d.may[name].with(c.after(s))
		}
	}
	return err
}

// pythonPut makes an object as Swift's object server does: named first, its suffix
// told afterwards. It is durable when the server has answered.
func (d *disk) pythonPut(name string, c change) {
	must := func(err error) {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
	}
	var before state
	d.with(func(p *store.Partition) {
		var err error
		before, err = observe(p, name)
		must(err)
	})
	if before.data >= c.at.Raw {
		return // 409
	}
	if list, err := os.ReadFile(filepath.Join(d.devices, "d1/objects/0/hashes.invalid")); err == nil && len(list) > 0 && list[len(list)-1] != '\n' {
		return // behind what a power cut has torn, Python's line is lost: its own affair
	}
	h := storetest.Hash(name)
	partition := filepath.Join(d.devices, "d1/objects/0")
	dir := filepath.Join(partition, h.Suffix().String(), h.String())
	must(os.MkdirAll(dir, 0o755))
	file := filepath.Join(dir, c.at.Internal()+".data")
	must(os.WriteFile(file, c.body, 0o600))
	pickle := hashes.AppendMetadata(nil, hashes.Metadata{
		{Key: "name", Value: name}, {Key: "X-Timestamp", Value: c.at.Internal()}, {Key: "Content-Type", Value: "t"},
		{Key: "Content-Length", Value: strconv.Itoa(len(c.body))}, {Key: "ETag", Value: hashes.Checksum(c.body)}, {Key: "X-Object-Meta-Color", Value: c.color}})
	must(unix.Setxattr(file, "user.swift.metadata", pickle, 0))
	must(unix.Setxattr(file, "user.swift.metadata_checksum", []byte(hashes.Checksum(pickle)), 0))
	f, err := os.OpenFile(filepath.Join(partition, "hashes.invalid"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	must(err)
	_, err = f.Write(hashes.AppendInvalid(nil, h.Suffix()))
	must(err)
	must(f.Close())
	d.may[name] = states{c.after(before)}
	d.mount() // the journal has not seen it
}

// remove removes what is proven to be elsewhere. What has gone, gone it has.
func (d *disk) remove(list []store.Proven) (r store.Removal, err error) {
	d.with(func(p *store.Partition) {
		var lock *store.Lock
		if lock, err = p.LockRevert(d.t.Context(), 0); errors.Is(err, os.ErrNotExist) {
			err = nil
			return
		}
		if err == nil {
			defer lock.Release()
			r, err = p.Remove(d.t.Context(), lock, list)
		}
	})
	return r, err
}

// cutPower leaves of the disk what a power cut may leave.
func (d *disk) cutPower() {
	d.cuts++
	d.journal.Pause()
	wreck := d.journal.Crash(d.journal.Len(), func(int) storetest.Fate { return storetest.Fate(d.r.IntN(3)) })
	device := filepath.Join(d.devices, "d1")
	if err := errors.Join(os.RemoveAll(device), os.Mkdir(device, 0o755), wreck.Build(device)); err != nil {
		d.t.Fatal(err)
	}
	d.mount()
	d.look("after a power cut", true)
}

// look compares the disk with the model. settled tells that what is found now
// stays.
func (d *disk) look(when string, settled bool) {
	d.with(func(p *store.Partition) {
		for _, name := range names {
			s, err := observe(p, name)
			if err != nil {
				d.t.Errorf("disk %s, %s: %s: %v", d.label, when, name, err)
				continue
			}
			if !d.may[name].has(s) {
				d.t.Errorf("disk %s, %s: %s is %v, and may be %v", d.label, when, name, s, d.may[name])
			}
			if settled {
				d.may[name] = states{s}
			}
		}
		if err := storetest.CheckDigests(p.Path()); err != nil {
			d.t.Errorf("disk %s, %s: %v", d.label, when, err)
		}
	})
}

func (d *disk) now(name string) (s state) {
	d.with(func(p *store.Partition) {
		var err error
		if s, err = observe(p, name); err != nil {
			d.t.Errorf("disk %s: %s: %v", d.label, name, err)
		}
	})
	return s
}

func (d *disk) String() string { return fmt.Sprint("disk ", d.label) }
