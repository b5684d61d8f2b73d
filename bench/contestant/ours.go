package contestant

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ours is ringsync and ringsyncd with one engine and one way of checking.
type ours struct {
	kit    *Kit
	engine string // "": what they choose themselves
	check  string // "": they agree on it
}

// Engines are those that may be asked for by name.
var Engines = []string{"uring", "sendfile", "portable"}

// The ways of checking, by what is added to a contestant's name.
const (
	senderMD5 = "sender-md5" // the sender reads each body against its ETag too, as Swift does
	stored    = "stored"     // the receiver compares with the digest that was stored with the object
	unchecked = "none"
	checkMD5  = "md5" // named, though it is what they agree on where no digest is stored
)

// Checks are the ways that may be asked for by name.
var Checks = []string{senderMD5, stored, unchecked, checkMD5}

// verifies tells whether the way of checking is one of --verify's.
func (o ours) verifies() bool { return o.check != "" && o.check != senderMD5 }

func (o ours) digest() string {
	switch o.check {
	case senderMD5:
		return "MD5 against the ETag, at both ends"
	case stored:
		return "xxhash64 against the one stored with the object when its MD5 was checked, at the receiver"
	case unchecked:
		return "none; no object counts as proven"
	}
	return "MD5 against the ETag, at the receiver"
}

const ourDurable = "file and xattrs before its name, directories before the answer; errors refuse the object"

// receive starts ringsyncd, with no limit to the sessions, as Swift's server is
// started.
func (o ours) receive(ctx context.Context, j *Job) (*Receiver, error) {
	r, _, err := o.start(ctx, j)
	return r, err
}

func (o ours) start(ctx context.Context, j *Job) (r *Receiver, engine string, err error) {
	args := []string{"--listen=127.0.0.1:0", "--mount-check=false", "--devices=" + j.Target, "--swift-dir=" + j.SwiftDir,
		"--state-dir=" + j.Dir, "--fallocate-reserve=0", "--replication-concurrency-per-device=0", "--log-format=json"}
	if o.engine != "" {
		args = append(args, "--engine="+o.engine)
	}
	if o.kit.Congestion != "" {
		args = append(args, "--tcp-congestion="+o.kit.Congestion)
	}
	if o.verifies() {
		args = append(args, "--verify="+o.check)
	}
	c := command(ctx, o.kit.ringsyncd(), append(args, o.kit.NodeFlags...)...)
	r = &Receiver{}
	c.stderr.find = func(line []byte) bool {
		var log struct{ Msg, Engine string }
		if json.Unmarshal(line, &log) != nil {
			return false
		}
		if log.Engine != "" {
			engine = log.Engine
		}
		address, ok := strings.CutPrefix(log.Msg, "listening on ")
		r.Address = address
		return ok
	}
	err = r.announced(ctx, c, c.stderr)
	return r, engine, err
}

// send pushes with ringsync push, a process of its own.
func (o ours) send(ctx context.Context, j *Job, r *Receiver) (Sent, error) {
	args := []string{"push", "--to=" + r.Address, "--devices=" + j.Source, "--device=" + j.Device, "--swift-dir=" + j.SwiftDir,
		"--sessions=" + strconv.Itoa(j.Sessions), "--json"}
	if o.kit.Congestion != "" {
		args = append(args, "--tcp-congestion="+o.kit.Congestion)
	}
	switch {
	case o.check == senderMD5:
		args = append(args, "--sender-md5")
	case o.verifies():
		args = append(args, "--verify="+o.check)
	}
	c := command(ctx, o.kit.ringsync(), append(args, o.kit.PushFlags...)...)
	if o.engine != "" {
		c.Env = append(os.Environ(), "RINGSYNC_ENGINE="+o.engine)
	}
	sum, err := j.work(c)
	if err != nil {
		return sum, err
	}
	var said struct {
		Offered, Wanted int
		Seconds         float64
		Verified        verified
	}
	if err := c.decode(&said); err != nil {
		return sum, err
	}
	sum.Offered, sum.Wanted, sum.Seconds = said.Offered, said.Wanted, said.Seconds
	return sum, said.Verified.suits(o.check)
}

// verified counts bodies by what they were held against.
type verified struct{ MD5, Stored, None, Small int }

// suits is an error where a way of checking was asked for by name, and another was
// taken.
func (v verified) suits(check string) error {
	wrong := 0
	switch check {
	case checkMD5:
		wrong = v.Stored + v.None
	case stored:
		wrong = v.MD5 + v.None
	case unchecked:
		wrong = v.MD5 + v.Stored
	}
	if wrong > 0 {
		return fmt.Errorf("%d bodies were not checked in the way of %s: %+v", wrong, check, v)
	}
	return nil
}

// unable tells why this variant can't run here; nil: it can. auto is the engine
// that is chosen where none is named.
func (o ours) unable(ctx context.Context, auto string) error {
	if o.verifies() {
		for _, cmd := range []*exec.Cmd{exec.CommandContext(ctx, o.kit.ringsync(), "push", "--help"), exec.CommandContext(ctx, o.kit.ringsyncd(), "--help")} {
			help, err := cmd.Output()
			if err != nil {
				return err
			}
			if !strings.Contains(string(help), "--verify") {
				return fmt.Errorf("this build's %s has no --verify", filepath.Base(cmd.Path))
			}
		}
	}
	if o.engine == "" {
		return nil
	}
	if o.engine == auto && o.check == "" {
		return fmt.Errorf("the same as ringsync, which chooses %s here", auto)
	}
	_, err := o.probe(ctx)
	return err
}

// probe starts a node over nothing, and tells which engine it has.
func (o ours) probe(ctx context.Context) (engine string, err error) {
	dir, err := os.MkdirTemp("", "ringsync-bench-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	conf := "[swift-hash]\nswift_hash_path_prefix = probe\nswift_hash_path_suffix = probe\n"
	if err := os.WriteFile(dir+"/swift.conf", []byte(conf), 0o644); err != nil {
		return "", err
	}
	devices := filepath.Join(dir, "devices")
	if err := os.Mkdir(devices, 0o755); err != nil {
		return "", err
	}
	r, engine, err := o.start(ctx, &Job{Dir: dir, SwiftDir: dir, Target: devices})
	if err != nil {
		return "", err
	}
	return engine, r.Stop()
}

// WantsStored tells whether the contestant of that name needs objects with our
// stored digest.
func WantsStored(name string) bool {
	o, ok := parseOurs(nil, name)
	return ok && o.check == stored
}

// parseOurs reads "ringsync[-ENGINE][+CHECK]".
func parseOurs(kit *Kit, name string) (ours, bool) {
	rest, ok := strings.CutPrefix(name, "ringsync")
	engine, check, checked := strings.Cut(rest, "+")
	engine, named := strings.CutPrefix(engine, "-")
	ok = ok && (named || engine == "") && (!named || slices.Contains(Engines, engine)) && (!checked || slices.Contains(Checks, check))
	return ours{kit, engine, check}, ok
}
