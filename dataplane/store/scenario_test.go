package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
)

// A scenario is what the fault injector and the crash journal are held against:
// changes of a partition, one step after the other, each of which acknowledges
// what it does not report as failed.
type scenario struct {
	name      string
	names     []string                                    // of the objects that are looked at
	before    func(tb testing.TB, p *store.Partition)     // what is there, durable, when it begins
	steps     []func(p *store.Partition, fail failedFunc) // one partition object for all
	noTmpfile bool                                        // the device can't do O_TMPFILE
	// contested tells that its end can't be reached again by repetition.
	contested bool
	// rechecked tells that a body comes again, checked, under the name of one that is there.
	rechecked bool
	// unsynced tells that the first step is somebody else's, who has not come
	// to his fsyncs: the journal forgets them.
	unsynced bool
	// summed tells that its objects have a sum stored beside their bodies.
	summed bool
}

// failedFunc reports what came of a name, "" for all of them. nil is no failure.
type failedFunc func(name string, err error)

// done takes it for success, as a sender does, that a former try got further.
func done(err error) error {
	var conflict *store.ConflictError
	var deleted *store.DeletedError
	if errors.As(err, &conflict) || errors.As(err, &deleted) {
		return nil
	}
	return err
}

const (
	first  = "/a/c/first"
	second = "/a/c/second"
)

// sibling is another name whose hash has the same suffix.
func sibling(name string) string {
	for i := 0; ; i++ {
		other := fmt.Sprintf("/a/c/sibling-%d", i)
		if storetest.Hash(other).Suffix() == storetest.Hash(name).Suffix() {
			return other
		}
	}
}

func body(fill byte, size int) []byte { return bytes.Repeat([]byte{fill}, size) }

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func put(name string, at float64, content []byte) func(*store.Partition, failedFunc) {
	return func(p *store.Partition, fail failedFunc) {
		fail(name, done(storetest.Put(p, name, storetest.Time(at), content)))
	}
}

func putSummed(name string, at float64, content []byte) func(*store.Partition, failedFunc) {
	return func(p *store.Partition, fail failedFunc) {
		fail(name, done(storetest.PutSummed(p, name, storetest.Time(at), content)))
	}
}

func putUnchecked(name string, at float64, content []byte) func(*store.Partition, failedFunc) {
	return func(p *store.Partition, fail failedFunc) {
		fail(name, done(storetest.PutUnchecked(p, name, storetest.Time(at), content)))
	}
}

func putChecked(name string, at float64, content []byte) func(*store.Partition, failedFunc) {
	return func(p *store.Partition, fail failedFunc) {
		fail(name, done(storetest.PutChecked(p, name, storetest.Time(at), content)))
	}
}

func post(name string, at float64, value string) func(*store.Partition, failedFunc) {
	return func(p *store.Partition, fail failedFunc) {
		fail(name, done(storetest.Post(p, name, storetest.Time(at), hashes.Field{Key: "X-Object-Meta-Color", Value: value})))
	}
}

func remove(name string, at float64) func(*store.Partition, failedFunc) {
	return func(p *store.Partition, fail failedFunc) {
		fail(name, done(storetest.Delete(p, name, storetest.Time(at))))
	}
}

func digests(p *store.Partition, fail failedFunc) {
	_, err := p.Digests(context.Background(), nil, false)
	fail("", err)
}

// group commits several new objects at once.
func group(names ...string) func(*store.Partition, failedFunc) {
	return func(p *store.Partition, fail failedFunc) {
		var writers []*store.Writer
		var theirs []string
		for i, name := range names {
			w, err := storetest.Body(p, name, storetest.Time(float64(10+i)), body('g', 700*i))
			fail(name, done(err))
			if err == nil {
				writers, theirs = append(writers, w), append(theirs, name)
			}
		}
		if len(writers) == 0 {
			return
		}
		for i, err := range p.Commit(context.Background(), writers) {
			fail(theirs[i], err)
		}
	}
}

// sideBySide commits new objects as sessions do that know nothing of each other.
func sideBySide(names ...string) func(*store.Partition, failedFunc) {
	return func(p *store.Partition, fail failedFunc) {
		errs := make([]error, len(names))
		var sessions sync.WaitGroup
		for i, name := range names {
			sessions.Go(func() { errs[i] = done(storetest.Put(p, name, storetest.Time(1), body('s', 800))) })
		}
		sessions.Wait()
		for i, name := range names {
			fail(name, errs[i])
		}
	}
}

// rivals are two bodies that claim one name and time: both are written before
// the first is published, and the second replaces it.
func rivals() []func(*store.Partition, failedFunc) {
	var late *store.Writer
	begin := func(p *store.Partition, fail failedFunc) {
		early, err := storetest.Body(p, first, storetest.Time(1), body('1', 900))
		if err != nil {
			fail(first, done(err))
			return
		}
		if late, err = storetest.Body(p, first, storetest.Time(1), body('2', 900)); err != nil {
			early.Abort()
			fail(first, err)
			return
		}
		err = p.Commit(context.Background(), []*store.Writer{early})[0]
		if err != nil {
			late.Abort()
			late = nil
		}
		fail(first, err)
	}
	end := func(p *store.Partition, fail failedFunc) {
		if late == nil {
			return // the first was there before: a sender hears of a conflict
		}
		fail(first, p.Commit(context.Background(), []*store.Writer{late})[0])
		late = nil
	}
	return []func(*store.Partition, failedFunc){begin, end}
}

// filled puts two objects and has their digests computed.
func filled(tb testing.TB, p *store.Partition) {
	must(tb, storetest.Put(p, first, storetest.Time(1), body('a', 600)))
	must(tb, storetest.Put(p, second, storetest.Time(1), body('b', 1500)))
	_, err := p.Digests(context.Background(), nil, true)
	must(tb, err)
}

// putOnly is a partition with one object, never hashed.
func putOnly(name string) func(testing.TB, *store.Partition) {
	return func(tb testing.TB, p *store.Partition) { must(tb, storetest.Put(p, name, storetest.Time(1), nil)) }
}

// withoutInvalid is a partition as rsync or an old Swift leaves it: nobody has
// made hashes.invalid yet.
func withoutInvalid(tb testing.TB, p *store.Partition) {
	filled(tb, p)
	must(tb, os.Remove(filepath.Join(p.Path(), "hashes.invalid")))
}

func scenarios() []scenario {
	kin := sibling(first)
	type steps = []func(*store.Partition, failedFunc)
	return []scenario{
		{name: "the first object of a device", names: []string{first}, steps: steps{put(first, 1, body('a', 3000))}},
		{name: "one object more", names: []string{first, kin}, before: filled, steps: steps{put(kin, 2, body('k', 2000))}},
		{name: "a large object", names: []string{first}, steps: steps{put(first, 1, body('L', 1<<20))}},
		{name: "a stored sum", names: []string{first, kin}, before: filled, summed: true,
			steps: steps{putSummed(first, 2, body('s', 1400)), putSummed(kin, 3, body('t', 500))}},
		{name: "an unchecked body", names: []string{first}, before: filled, rechecked: true,
			steps: steps{putUnchecked(first, 2, body('u', 900)), post(first, 3, "red"), putChecked(first, 2, body('u', 900))}},
		{name: "an unchecked body without O_TMPFILE", names: []string{kin}, noTmpfile: true, rechecked: true,
			steps: steps{putUnchecked(kin, 2, body('u', 900)), putChecked(kin, 2, body('u', 900))}},
		{name: "an overwrite", names: []string{first}, before: filled, steps: steps{put(first, 5, body('n', 1200)), put(first, 6, nil)}},
		{name: "a POST", names: []string{first}, before: filled, steps: steps{post(first, 5, "red"), post(first, 6, "blue")}},
		{name: "a DELETE", names: []string{first, second}, before: filled, steps: steps{remove(first, 5)}},
		{name: "a DELETE of nothing", names: []string{kin}, before: filled, steps: steps{remove(kin, 5)}},
		{name: "a life", names: []string{first}, steps: steps{put(first, 1, body('a', 10)), post(first, 2, "red"), remove(first, 3), put(first, 4, body('b', 20))}},
		{name: "a group", names: []string{first, kin, "/a/c/g1", "/a/c/g2"}, steps: steps{group(first, kin, "/a/c/g1", "/a/c/g2")}},
		{name: "a group beside others", names: []string{first, second, kin, "/a/c/g1"}, before: filled, steps: steps{group(kin, "/a/c/g1")}},
		{name: "two bodies of one time", names: []string{first}, contested: true, steps: rivals()},
		{name: "digests", names: []string{first, second, kin}, before: filled, steps: steps{put(kin, 3, nil), digests, remove(second, 4), digests, put(first, 7, nil)}},
		{name: "digests of a partition never hashed", names: []string{first}, steps: steps{put(first, 1, nil), digests, put(kin, 1, nil)}},
		{name: "a partition without hashes.invalid", names: []string{first, kin}, before: withoutInvalid, steps: steps{put(kin, 3, body('k', 100))}},
		{name: "two commits side by side", names: []string{first, kin}, before: putOnly(second), steps: steps{sideBySide(first, kin)}},
		{name: "without O_TMPFILE", names: []string{first, kin}, noTmpfile: true,
			steps: steps{put(first, 1, body('a', 1000)), group(kin, "/a/c/g1"), post(first, 12, "red"), remove(first, 13), digests}},
		{name: "two bodies of one time without O_TMPFILE", names: []string{first}, noTmpfile: true, contested: true, steps: rivals()},
		{name: "a revert", names: []string{first, second}, before: filled, steps: steps{revert(proven(first, 1, 1))}},
		{name: "a revert of all", names: []string{first, second}, before: filled,
			steps: steps{revert(proven(first, 1, 1), proven(second, 1, 1)), put(first, 1, body('a', 600)), digests}},
		{name: "a revert with digests beside", names: []string{first, kin}, before: filled,
			steps: steps{put(kin, 1, nil), digests, revert(proven(kin, 1, 1)), digests, revert(proven(first, 1, 1)), digests}},
		{name: "a revert of metadata", names: []string{first}, before: filled, steps: steps{put(first, 1, body('a', 600)), post(first, 5, "red"), revert(proven(first, 1, 5))}},
		{name: "a revert of a new body", names: []string{first}, before: filled, steps: steps{put(first, 5, body('n', 800)), revert(proven(first, 5, 5))}},
		{name: "a revert of a tombstone", names: []string{first}, before: filled, steps: steps{remove(first, 5), revert(proven(first, 5, 5))}},
		{name: "a revert of what has changed", names: []string{first, second}, before: filled,
			steps: steps{put(first, 5, nil), revert(proven(first, 1, 1), proven(second, 1, 9), proven(kin, 1, 1)), post(first, 6, "red"), revert(proven(first, 5, 5))}},
		{name: "what a Python writer has not synced", names: []string{first}, unsynced: true, steps: steps{put(first, 1, body('a', 1100)), held(first)}},
	}
}

// held answers for an object as a receiver does.
func held(name string) func(*store.Partition, failedFunc) {
	return func(p *store.Partition, fail failedFunc) {
		o, err := p.Held(storetest.Hash(name))
		if err == nil && o == nil {
			err = store.ErrNotExist
		}
		if o != nil {
			o.Close()
		}
		fail(name, err)
	}
}

// proven is an object that a peer has under these times.
func proven(name string, data, meta float64) store.Proven {
	at := store.Times{Data: storetest.Time(data), Meta: storetest.Time(meta), CType: storetest.Time(data)}
	return store.Proven{Hash: storetest.Hash(name), Times: at}
}

// revert removes what is proven, as a replicator does; of a partition that has gone
// there is nothing to remove.
func revert(list ...store.Proven) func(*store.Partition, failedFunc) {
	return func(p *store.Partition, fail failedFunc) {
		lock, err := p.LockRevert(context.Background(), 0)
		if errors.Is(err, os.ErrNotExist) {
			return
		}
		if err != nil {
			fail("", err)
			return
		}
		defer lock.Release()
		_, err = p.Remove(context.Background(), lock, list)
		fail("", err)
	}
}

// run plays a step and returns what failed.
func run(p *store.Partition, step func(*store.Partition, failedFunc)) map[string]error {
	failed := map[string]error{}
	step(p, func(name string, err error) {
		if err != nil && failed[name] == nil {
			failed[name] = err
		}
	})
	return failed
}

// states says what a partition holds of some names.
func states(p *store.Partition, names []string) (map[string]string, error) {
	held := map[string]string{}
	for _, name := range names {
		state, err := stateOf(p, name)
		if err != nil {
			return nil, err
		}
		held[name] = state
	}
	return held, nil
}

// stateOf is State, with the mark of a body that was not checked.
func stateOf(p *store.Partition, name string) (string, error) {
	state, err := storetest.State(p, name)
	if err != nil {
		return "", err
	}
	unchecked, err := storetest.IsUnchecked(p, name)
	if unchecked {
		state += " unchecked"
	}
	return state, err
}

// reference plays a scenario undisturbed, and returns the states before it and
// after each step.
func (sc scenario) reference(t *testing.T) []map[string]string {
	t.Helper()
	p := storetest.Partition(t, storetest.New(t, keepTombstones))
	sc.prepare(t, p)
	note := func() map[string]string {
		held, err := states(p, sc.names)
		must(t, err)
		return held
	}
	list := []map[string]string{note()}
	for _, step := range sc.steps {
		for name, err := range run(p, step) {
			t.Fatalf("undisturbed: %q: %v", name, err)
		}
		list = append(list, note())
	}
	return list
}

func (sc scenario) prepare(tb testing.TB, p *store.Partition) {
	if sc.before != nil {
		sc.before(tb, p)
	}
}

// witness stands w at the seam, as the scenario has it.
func (sc scenario) witness(w store.Witness) func(*store.Config) {
	if sc.noTmpfile {
		w = storetest.NoTmpfile{Witness: w}
	}
	return func(c *store.Config) { c.Witness = w }
}

// keepTombstones lets the tests' timestamps, of 2023, be young.
func keepTombstones(c *store.Config) { c.Now = storetest.Time(100).Time }
