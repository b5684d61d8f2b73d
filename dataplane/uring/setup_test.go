//go:build linux

package uring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	iouring "github.com/iceber/iouring-go/syscall"
	"golang.org/x/sys/unix"
)

// playing is a kernel that knows some flags of setup, and has memory for so many
// entries; beyond that it is the one that runs. asked lists what it was asked for.
func playing(knows uint32, room uint, asked *[]string) kernel {
	return func(entries uint, p *iouring.IOURingParams) (int, error) {
		*asked = append(*asked, fmt.Sprintf("%d %s", entries, strings.Join(flagNames(p.Flags), ",")))
		switch {
		case p.Flags&^knows != 0:
			return -1, unix.EINVAL
		case entries > room:
			return -1, unix.ENOMEM
		}
		return iouring.IOURingSetup(entries, p)
	}
}

// An older kernel is asked with fewer flags, one without memory for 64 entries; each
// time a ring comes of it that works. What else it says is final.
func TestSetupTriesAgain(t *testing.T) {
	const (
		clamp  = iouring.IORING_SETUP_CLAMP
		all    = clamp | iouring.IORING_SETUP_SUBMIT_ALL
		coop   = iouring.IORING_SETUP_COOP_TASKRUN
		defers = setupSingleIssuer | setupDeferTaskrun

		first, second, third, last = "CLAMP,SUBMIT_ALL,SINGLE_ISSUER,DEFER_TASKRUN", "CLAMP,SUBMIT_ALL,COOP_TASKRUN", "CLAMP,SUBMIT_ALL", "CLAMP"
	)
	for _, row := range []struct {
		kernel  string
		knows   uint32
		room    uint
		entries int
		asked   []string
		err     error
	}{
		{"6.1", all | coop | defers, 4096, 256, []string{"256 " + first}, nil},
		{"6.0", all | coop | setupSingleIssuer, 4096, 64, []string{"64 " + first, "64 " + second}, nil},
		{"5.19", all | coop, 4096, 64, []string{"64 " + first, "64 " + second}, nil},
		{"5.18", all, 4096, 64, []string{"64 " + first, "64 " + second, "64 " + third}, nil},
		{"5.11", clamp, 4096, 64, []string{"64 " + first, "64 " + second, "64 " + third, "64 " + last}, nil},
		{"with little memory", all | coop | defers, 64, 256, []string{"256 " + first, "64 " + first}, nil},
		{"old, with little memory", all, 64, 256, []string{"256 " + first, "256 " + second, "256 " + third, "64 " + first, "64 " + second, "64 " + third}, nil},
		{"with none", all | coop | defers, 0, 256, []string{"256 " + first, "64 " + first}, unix.ENOMEM},
		{"with none for the least", all | coop | defers, 0, 64, []string{"64 " + first}, unix.ENOMEM},
		{"that takes no flags", 0, 4096, 64, []string{"64 " + first, "64 " + second, "64 " + third, "64 " + last}, unix.EINVAL},
	} {
		t.Run(row.kernel, func(t *testing.T) {
			if p := Probe(); p.Err != nil {
				skip(t, p.Err)
			}
			var asked []string
			cfg := Config{Entries: row.entries, kernel: playing(row.knows, row.room, &asked)}
			if row.err != nil {
				if _, err := New(cfg); !errors.Is(err, row.err) || !Unavailable(err) {
					t.Errorf("%v, want %v, which means that there is no ring here", err, row.err)
				}
			} else {
				t.Setenv("REQUIRE_URING", "1") // there are rings: no reason to skip
				r := newRing(t, cfg)
				must(t, r.roundTrip())
				if want := min(row.entries, int(row.room)); r.Slots() != want {
					t.Errorf("%d places, want %d", r.Slots(), want)
				}
			}
			if !slices.Equal(asked, row.asked) {
				t.Errorf("asked for %q, want %q", asked, row.asked)
			}
		})
	}
}

// Too few descriptors are no reason to do without rings.
func TestSetupOtherErrors(t *testing.T) {
	times := 0
	_, err := New(Config{kernel: func(uint, *iouring.IOURingParams) (int, error) { times++; return -1, unix.EMFILE }})
	if !errors.Is(err, unix.EMFILE) || Unavailable(err) || times != 1 {
		t.Errorf("asked %d times: %v", times, err)
	}
}
