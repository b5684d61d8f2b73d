package ssync_test

import (
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// What was sent unchecked in a session that failed is not proven by a check in which
// the receiver agrees to nothing of the kind.
func TestUncheckedThenConfirmed(t *testing.T) {
	p, _ := source(t, []byte("body"))
	hash := storetest.Hash("/a/c/o").String()
	agreed := strings.Replace(accepted, "\r\n\r\n", "\r\nX-Ringsync-Features: none\r\n\r\n", 1)
	f := startFake(t,
		[]string{agreed, "< " + start, "< " + hash + " d\r\n", "< " + end, "> :UPDATES: END"},
		[]string{accepted, "< " + start, "> :MISSING_CHECK: END", "< " + end, "hear all"})
	r := push(t, p, f.address, func(c *ssync.SenderConfig, _ *ssync.Job) { c.Verify = ssync.VerifyNone })
	if r.Err == nil || r.Proven != 0 || r.Unproven != 1 || r.Failed != 0 || r.Sessions != 2 {
		t.Errorf("%+v", r)
	}
}

// A receiver can't agree to what it was not asked for: no sums are looked for, and
// nothing goes unchecked.
func TestAgreesToMore(t *testing.T) {
	p, _ := source(t, []byte("body"))
	hash := storetest.Hash("/a/c/o").String()
	agreed := strings.Replace(accepted, "\r\n\r\n", "\r\nX-Ringsync-Features: none, stored, zstd\r\n\r\n", 1)
	f := startFake(t, []string{agreed, "< " + start, "< " + hash + " d\r\n", "< " + end, "> :UPDATES: END", "< " + updStart, "< " + upd, "hear all"})
	r := push(t, p, f.address)
	if r.Err != nil || r.Proven != 1 || r.Features != 0 || r.Verified != (ssync.Verified{Small: 1}) {
		t.Errorf("%+v", r)
	}
}

// A flag's value is one of three words.
func TestParseVerify(t *testing.T) {
	for text, want := range map[string]ssync.Verify{"md5": ssync.VerifyMD5, "Stored": ssync.VerifyStored, "none": ssync.VerifyNone, "": "", "xxh64": ""} {
		if got, err := ssync.ParseVerify(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is %q, %v", text, got, err)
		}
	}
}
