package replicator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// state remembers, for each of our devices, when a pass last went over all of it,
// in a small file of its own in Config.StateDir. That directory should survive a
// reboot, for this is how a device is told that comes back after weeks.
type state struct{ cfg Config }

// record is what a file holds.
type record struct {
	First    time.Time           `json:"first"`              // when the device was seen first
	Complete time.Time           `json:"complete,omitempty"` // when the last whole pass over it ended
	Done     map[string][]uint32 `json:"done,omitempty"`     // by policy: what the pass in hand has done
}

// maxRecord bounds a file: a million partitions of seven digits.
const maxRecord = 8 << 20

func (s *state) path(device string) string {
	return filepath.Join(s.cfg.StateDir, "replicator-"+strings.ReplaceAll(strings.Trim(s.cfg.Store.Devices(), "/"), "/", "-")+"-"+device)
}

// read returns the record of a device; none is no error.
func (s *state) read(device string) (r record, known bool, err error) {
	f, err := os.Open(s.path(device))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err == nil {
		r, err = parseRecord(text)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", s.path(device), err)
	}
	return r, err == nil, err
}

func parseRecord(text []byte) (r record, err error) {
	err = json.Unmarshal(text, &r)
	if err == nil && r.First.IsZero() {
		err = errors.New("it does not say when the device was seen first")
	}
	return r, err
}

// write replaces a device's record, durably: half a record is none.
func (s *state) write(device string, r record) error {
	if s.cfg.StateDir == "" || s.cfg.DryRun {
		return nil
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(s.cfg.StateDir, ".replicator-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.path(device))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// fresh fails with errStale where no pass has gone over a device for longer than
// reclaim_age: tombstones that were made meanwhile have gone from the other nodes,
// so that it would bring back what was deleted. A record that can't be read may say
// just that. A device that is seen for the first time is fresh.
func (s *state) fresh(device string) error {
	if s.cfg.StateDir == "" || slices.Contains(s.cfg.Accept, device) {
		return nil
	}
	r, known, err := s.read(device)
	hint := "; if it may push what it has: --accept-stale-device " + device
	switch {
	case err != nil:
		return fmt.Errorf("%w, perhaps: %w%s", errStale, err, hint)
	case !known:
		s.write(device, record{First: s.cfg.Now()}) // if that fails, keep fails too, and is told
		return nil
	}
	last := r.First
	if r.Complete.After(last) {
		last = r.Complete
	}
	if away := s.cfg.Now().Sub(last); away > s.cfg.ReclaimAge {
		return fmt.Errorf("%w: no pass since %s has gone over it, and deleted objects would come back%s", errStale, last.UTC().Format(time.RFC3339), hint)
	}
	return nil
}

// keep writes down what a pass has done of a device, or, where the pass was whole,
// that it was.
func (s *state) keep(device string, whole bool, done []key) error {
	r, known, err := s.read(device)
	if err != nil || !known {
		r = record{First: s.cfg.Now()}
	}
	r.Done = nil
	if whole {
		r.Complete = s.cfg.Now()
		return s.write(device, r)
	}
	for _, k := range done {
		if r.Done == nil {
			r.Done = map[string][]uint32{}
		}
		policy := strconv.Itoa(k.policy)
		r.Done[policy] = append(r.Done[policy], k.partition)
	}
	return s.write(device, r)
}

// done is what a pass that was cut short had done of a device.
func (s *state) done(device string) (keys []key) {
	if s.cfg.StateDir == "" {
		return nil
	}
	r, _, err := s.read(device)
	if err != nil {
		return nil
	}
	for text, partitions := range r.Done {
		policy, err := strconv.Atoi(text)
		if err != nil {
			continue
		}
		for _, n := range partitions {
			keys = append(keys, key{device, policy, n})
		}
	}
	return keys
}
