package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// doctor says what is there and ends well while nothing is wrong; a suspect
// device is a problem until its mark is cleared.
func TestDoctor(t *testing.T) {
	state, s := t.TempDir(), storetest.New(t)
	base := []string{"doctor", "--mount-check=false", "--devices=" + s.Devices(), "--state-dir=" + state, "--swift-dir=" + swiftDir(t)}
	doctor := func(more ...string) (string, error) { return execute(t, append(base, more...)...) }
	out, err := doctor("--probe")
	for _, want := range []string{"kernel    Linux", "engine    ", "limit     NOFILE", "policy    1 ec, erasure_coding: its requests", "device    " + s.Devices() + "/d1", "xattrs of 65536 bytes", "fsync yes", "no problems",
		"io_uring  ", "sends without a copy: ", "memory    ringsyncd takes at most ", "buffers for bodies: 64 of 1028 KiB", "sending, warm, no digest   below 64 KiB  packed", "landing   ", "paths of bodies: "} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: %q is missing in:\n%s", err, want, out)
		}
	}
	if out, err := doctor(); err != nil || !strings.Contains(out, "not probed") {
		t.Errorf("%v: %s", err, out)
	}

	marked := storetest.New(t, func(c *store.Config) {
		c.Devices, c.StateDir = s.Devices(), state
		c.Witness = storetest.Hooks{OnBefore: func(op *store.Op) error {
			if op.Call == store.CallSync {
				return os.ErrInvalid
			}
			return nil
		}}
	})
	storetest.Put(storetest.Partition(t, marked), "/a/c/o", storetest.Time(1), nil)
	out, err = doctor("--json")
	var said struct {
		Devices []struct{ Name, Suspect, Mark string }
	}
	if unmarshal := json.Unmarshal([]byte(out), &said); unmarshal != nil || err == nil || len(said.Devices) != 1 || said.Devices[0].Suspect == "" || filepath.Dir(said.Devices[0].Mark) != state {
		t.Errorf("%v, %v: %s", err, unmarshal, out)
	}
	if out, err := doctor(); err == nil || !strings.Contains(out, "--clear d1") || !strings.Contains(out, "problem: device d1: suspect") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := doctor("--clear", "d1"); err != nil || !strings.Contains(out, "no longer suspect") || !strings.Contains(out, state) {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := doctor("--clear", "d1"); err == nil || !strings.Contains(err.Error(), "no suspect mark") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := doctor(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
