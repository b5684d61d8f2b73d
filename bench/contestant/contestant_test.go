package contestant

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Ours are named by engine and check; what is neither is nobody.
func TestParseOurs(t *testing.T) {
	for name, want := range map[string]ours{
		"ringsync":                     {},
		"ringsync-uring":               {engine: "uring"},
		"ringsync+none":                {check: "none"},
		"ringsync+md5":                 {check: "md5"},
		"ringsync-sendfile+stored":     {engine: "sendfile", check: "stored"},
		"ringsync-portable+sender-md5": {engine: "portable", check: "sender-md5"},
	} {
		if got, ok := parseOurs(nil, name); !ok || got != want {
			t.Errorf("%s is %+v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "rsync", "ringsync-", "ringsync+", "ringsync-warp", "ringsync+md4", "ringsyncuring", "ringsync+none-uring", "ringsync-to-swift"} {
		if got, ok := parseOurs(nil, name); ok {
			t.Errorf("%q is %+v", name, got)
		}
	}
}

// A way of checking that was asked for and not taken is an error, also where more
// was checked.
func TestVerified(t *testing.T) {
	for check, wrong := range map[string][]verified{
		"md5":    {{Stored: 1}, {None: 1}},
		"stored": {{MD5: 1}, {Stored: 5, None: 1}},
		"none":   {{MD5: 1}, {None: 5, Stored: 1}},
	} {
		for _, v := range wrong {
			if v.suits(check) == nil {
				t.Errorf("%+v suits %s", v, check)
			}
		}
	}
	for check, v := range map[string]verified{"md5": {MD5: 2, Small: 3}, "stored": {Stored: 2, Small: 3}, "none": {None: 5}, "": {MD5: 1, Stored: 2}} {
		if err := v.suits(check); err != nil {
			t.Errorf("%s: %v", check, err)
		}
	}
}

// Each name is somebody, and needs what it says; a Swift or an rsync that is
// missing leaves out those that need it, and nobody else.
func TestNeeds(t *testing.T) {
	gone := errors.New("not installed")
	k := &Kit{missing: map[string]error{needSwift: gone, needRsync: gone}}
	var unable []string
	for _, name := range Names() {
		if _, ok := parseOurs(k, name); ok {
			continue // needs the programs
		}
		_, err := k.Contestant(t.Context(), name)
		if u, ok := errors.AsType[*UnableError](err); ok && errors.Is(u, gone) {
			unable = append(unable, name)
		} else if err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff(Peers(), unable); diff != "" {
		t.Errorf("-peers +unable:\n%s", diff)
	}
	for name, want := range map[string][]string{
		"swift": {needSwift}, "swift-to-ringsync": {needSwift}, "ringsync-to-swift": {needSwift},
		"rsync": {needRsync}, "rsync-fsync": {needRsync}, "swift-rsync": {needSwift, needRsync}, "floor-md5": nil,
	} {
		if got := needs(name); !slices.Equal(got, want) {
			t.Errorf("%s needs %v", name, got)
		}
	}
	if k.Require(false, false) != nil || !errors.Is(k.Require(true, false), gone) || !errors.Is(k.Require(false, true), gone) {
		t.Error("what is required is not what is missing")
	}
}

// The line that is waited for is found however it comes in pieces, once; a line
// without an end does not grow for ever.
func TestLines(t *testing.T) {
	const text = "starting\nlistening on 1.2.3.4:5\nlistening on nothing\n"
	for size := 1; size <= len(text); size++ {
		var found []string
		l := newLines(func(line []byte) bool {
			found = append(found, string(line))
			return strings.HasPrefix(string(line), "listening")
		})
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			l.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		if diff := cmp.Diff([]string{"starting", "listening on 1.2.3.4:5"}, found); diff != "" {
			t.Errorf("in pieces of %d:\n%s", size, diff)
		}
		select {
		case <-l.found:
		default:
			t.Errorf("in pieces of %d: not told", size)
		}
	}
	l := newLines(func([]byte) bool { return false })
	for range 100 {
		l.Write(make([]byte, maxLine/10))
	}
	if len(l.part) > 2*maxLine {
		t.Errorf("%d bytes kept of an endless line", len(l.part))
	}
	l.Write([]byte("the end"))
	if text := l.text(); !strings.HasSuffix(text, "the end") || len(text) > tailBytes {
		t.Errorf("%d bytes for a message", len(text))
	}
}

func shell(t *testing.T, script string) *Command { return command(t.Context(), "sh", "-c", script) }

// A server that is asked to end is waited for; one that ends by itself, before or
// after it said where it listens, is an error with its last words.
func TestReceiver(t *testing.T) {
	listening := func(line []byte) bool { return string(line) == "ready" }
	start := func(script string) (*Receiver, error) {
		r, c := &Receiver{}, shell(t, script)
		c.stderr.find = listening
		return r, r.announced(t.Context(), c, c.stderr)
	}
	r, err := start("trap 'exit 0' TERM; echo ready >&2; while :; do sleep 0.01; done")
	if err != nil || len(r.PIDs) != 1 {
		t.Fatalf("%v, %v", err, r.PIDs)
	}
	if err := r.Stop(); err != nil {
		t.Errorf("asked to end: %v", err)
	}
	if err := syscall.Kill(r.PIDs[0], 0); err == nil {
		t.Error("it still runs")
	}
	if _, err := start("echo no disk >&2; exit 3"); err == nil || !strings.Contains(err.Error(), "exit status 3: no disk") {
		t.Errorf("ended at the start: %v", err)
	}
	r, err = start("echo ready >&2; echo oops >&2; exit 4")
	if err != nil {
		t.Fatal(err)
	}
	for syscall.Kill(r.PIDs[0], 0) == nil {
		runtime.Gosched() // until it has ended and been waited for
	}
	if err := r.Stop(); err == nil || !strings.Contains(err.Error(), "exit status 4") || !strings.Contains(err.Error(), "oops") {
		t.Errorf("ended in the middle: %v", err)
	}
	r, err = start("trap 'exit 5' TERM; echo ready >&2; while :; do sleep 0.01; done")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(); err == nil || !strings.Contains(err.Error(), "exit status 5") {
		t.Errorf("ended badly: %v", err)
	}
}

// Programs of a sender run side by side: their CPU and memory are added up, and if
// one fails all have failed.
func TestWork(t *testing.T) {
	begun := 0
	j := &Job{Begin: func(int) error { begun++; return nil }}
	loop := "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"
	one, err := j.work(shell(t, loop))
	if err != nil {
		t.Fatal(err)
	}
	three, err := j.work(shell(t, loop), shell(t, loop), shell(t, loop))
	if err != nil {
		t.Fatal(err)
	}
	if begun != 2 || three.PeakBytes < 2*one.PeakBytes || three.CPU.Total() <= one.CPU.Total() || three.Offered != -1 || three.Seconds <= 0 {
		t.Errorf("one %+v, three %+v", one, three)
	}
	if _, err := j.work(shell(t, loop), shell(t, "echo broken >&2; exit 1")); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("one of two failed: %v", err)
	}
	if _, err := j.work(shell(t, "sleep 60"), command(t.Context(), "/nowhere/at/all")); err == nil {
		t.Error("one of two did not start")
	}
	j.Begin = func(int) error { return errors.New("not now") }
	if _, err := j.work(shell(t, loop)); err == nil || err.Error() != "not now" {
		t.Errorf("refused at the beginning: %v", err)
	}
}
