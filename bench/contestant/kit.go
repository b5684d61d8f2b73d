package contestant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/bench/peer"
)

// Kit is what there is on this machine to make contestants of.
type Kit struct {
	BinDir     string      // holds ringsync and ringsyncd
	Swift      *peer.Swift // nil: there is none
	Rsync      string      // path; "": there is none
	Congestion string      // TCP congestion control of our connections; "": the system's
	PushFlags  []string    // more flags for ringsync push, for trying something out
	NodeFlags  []string    // and for ringsyncd

	RsyncVersion string
	engine       string // that ours choose here; "": not asked yet
	missing      map[string]error
}

// What contestants may need.
const (
	needSwift = "Swift"
	needRsync = "rsync"
)

func (k *Kit) ringsync() string  { return filepath.Join(k.BinDir, "ringsync") }
func (k *Kit) ringsyncd() string { return filepath.Join(k.BinDir, "ringsyncd") }

// Find looks for a Swift and an rsync.
func (k *Kit) Find(ctx context.Context) {
	k.missing = map[string]error{}
	var err error
	if k.Swift, err = peer.Find(ctx); err != nil {
		k.Swift, k.missing[needSwift] = nil, err
	}
	if k.Rsync, k.RsyncVersion, err = findRsync(ctx); err != nil {
		k.Rsync, k.missing[needRsync] = "", fmt.Errorf("no rsync found; on Debian or Ubuntu: apt-get install rsync (%w)", err)
	}
}

// Require fails if one of them is missing.
func (k *Kit) Require(swift, rsync bool) error {
	var errs []error
	if swift {
		errs = append(errs, k.missing[needSwift])
	}
	if rsync {
		errs = append(errs, k.missing[needRsync])
	}
	return errors.Join(errs...)
}

// firstVersion finds "3.2.7" in "rsync  version 3.2.7  protocol version 31".
var firstVersion = regexp.MustCompile(`version v?(\S+)`)

func findRsync(ctx context.Context) (path, version string, err error) {
	if path, err = exec.LookPath("rsync"); err != nil {
		return "", "", err
	}
	out, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return "", "", err
	}
	m := firstVersion.FindSubmatch(out)
	if m == nil {
		return "", "", fmt.Errorf("%s --version says %.64q", path, out)
	}
	return path, string(m[1]), nil
}

// Names of the contestants, in the order they are told: ours with each engine and
// each way of checking, the peers, the floors. More combinations can be asked for
// than are named here.
func Names() []string {
	names := []string{"ringsync"}
	for _, e := range Engines {
		names = append(names, "ringsync-"+e)
	}
	for _, c := range Checks {
		names = append(names, "ringsync+"+c)
	}
	return append(append(names, Peers()...), Floors()...)
}

// Peers are those that need a Swift or an rsync.
func Peers() []string {
	return []string{"swift-to-ringsync", "ringsync-to-swift", "swift", "swift-rsync", "rsync-fsync", "rsync"}
}

// Floors are the limits.
func Floors() []string {
	var names []string
	for _, f := range new(Kit).floors() {
		names = append(names, f.Name)
	}
	return names
}

// Others are asked for by name only: our sender to a receiver that drops
// everything, our engine without a dialogue or a disk, and a sender without a plan.
func Others() []string {
	var names []string
	for _, c := range new(Kit).others() {
		names = append(names, c.Name)
	}
	return names
}

// UnableError says why a contestant can't be here.
type UnableError struct {
	Name string
	Why  error
}

func (e *UnableError) Error() string { return fmt.Sprintf("%s: %v", e.Name, e.Why) }

func (e *UnableError) Unwrap() error { return e.Why }

// Contestant makes the one of that name. One that can't be here is an
// UnableError.
func (k *Kit) Contestant(ctx context.Context, name string) (Contestant, error) {
	if o, ok := parseOurs(k, name); ok {
		return k.variant(ctx, name, o)
	}
	for _, c := range slices.Concat(k.peers(), k.floorsMarked(), k.others()) {
		if c.Name != name {
			continue
		}
		for _, need := range needs(name) {
			if err := k.missing[need]; err != nil {
				return Contestant{}, &UnableError{name, err}
			}
		}
		return c, nil
	}
	return Contestant{}, fmt.Errorf("contestant %.64q is none of %s", name, strings.Join(append(Names(), Others()...), ", "))
}

// Engine is the one that ringsyncd chooses here when none is named.
func (k *Kit) Engine(ctx context.Context) (string, error) {
	if k.engine != "" {
		return k.engine, nil
	}
	engine, err := ours{kit: k}.probe(ctx)
	if err != nil {
		return "", fmt.Errorf("ringsyncd in %s: %w", k.BinDir, err)
	}
	k.engine = engine
	return engine, nil
}

// Build is a digest of the programs, by which two builds can be told apart.
func (k *Kit) Build() (string, error) {
	digest := sha256.New()
	for _, path := range []string{k.ringsync(), k.ringsyncd()} {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		_, err = io.Copy(digest, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(digest.Sum(nil)[:6]), nil
}

func (k *Kit) variant(ctx context.Context, name string, o ours) (Contestant, error) {
	if _, err := k.Engine(ctx); err != nil {
		return Contestant{}, err
	}
	if err := o.unable(ctx, k.engine); err != nil {
		return Contestant{}, &UnableError{name, err}
	}
	c := Contestant{Name: name, Promise: Promise{o.digest(), ourDurable}, Stored: WantsStored(name), receive: o.receive, send: o.send}
	if o.check == "" {
		c.pass = o.pass
	}
	return c, nil
}

func (k *Kit) peers() []Contestant {
	o := ours{kit: k}
	return []Contestant{
		{Name: "swift-to-ringsync", Promise: Promise{swiftDigest, ourDurable}, receive: o.receive, send: k.swiftSend, pass: k.swiftPass},
		{Name: "ringsync-to-swift", Promise: Promise{o.digest(), swiftDurable}, receive: k.swiftReceive, send: o.send, pass: o.pass},
		{Name: "swift", Promise: Promise{swiftDigest, swiftDurable}, receive: k.swiftReceive, send: k.swiftSend, pass: k.swiftPass},
		{Name: "swift-rsync", Promise: Promise{rsyncDigest, "nothing"}, receive: k.replicatorReceive, send: k.replicatorSend, pass: k.replicatorSend},
		{Name: "rsync-fsync", Promise: Promise{rsyncDigest, "each file before its name; no directory"}, receive: k.rsyncReceive, send: k.rsyncSend("--fsync")},
		{Name: "rsync", Promise: Promise{rsyncDigest, "nothing"}, receive: k.rsyncReceive, send: k.rsyncSend()},
	}
}

func (k *Kit) floorsMarked() []Contestant {
	list := k.floors()
	for i := range list {
		list[i].Floor = true
	}
	return list
}

func needs(name string) []string {
	var list []string
	if strings.Contains(name, "swift") {
		list = append(list, needSwift)
	}
	if strings.Contains(name, "rsync") { // which "ringsync" does not contain
		list = append(list, needRsync)
	}
	return list
}
