package bench

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"github.com/ringsync/ringsync/bench/contestant"
	"github.com/ringsync/ringsync/bench/medium"
	"github.com/ringsync/ringsync/bench/report"
)

// Config says what is measured, and with what.
type Config struct {
	Picks        []Pick
	Suite        string // that they are of, for the report
	Calls        bool   // count system calls, in one more run of each row that is not timed
	Congestion   string // TCP congestion control: of everybody in an enclosed run, else of ours; the system's
	PushFlags    []string
	NodeFlags    []string
	BinDir       string    // where ringsync and ringsyncd are; default: beside this program
	RequireSwift bool      // fail without one, instead of leaving it out by name
	RequireRsync bool      // the same
	Command      string    // that makes the report again, for the report
	Out          io.Writer // progress; nil: nowhere

	// after is called between a run and its verification, with the receiver's
	// device: tests spoil things there.
	after func(device string) error
}

// prepare makes a harness and the head of its report.
func prepare(ctx context.Context, cfg Config) (*harness, error) {
	if cfg.Out == nil {
		cfg.Out = io.Discard
	}
	if cfg.BinDir == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cfg.BinDir = filepath.Dir(self)
	}
	kit := &contestant.Kit{BinDir: cfg.BinDir, PushFlags: cfg.PushFlags, NodeFlags: cfg.NodeFlags}
	if !medium.Enclosed() {
		kit.Congestion = cfg.Congestion
	}
	kit.Find(ctx)
	if err := kit.Require(cfg.RequireSwift, cfg.RequireRsync); err != nil {
		return nil, err
	}
	build, err := kit.Build()
	if err != nil {
		return nil, err
	}
	engine, err := kit.Engine(ctx)
	if err != nil {
		return nil, err
	}
	h := &harness{cfg: cfg, kit: kit, who: map[string]contestant.Contestant{}}
	h.report = &report.Report{Schema: report.Schema, Suite: cfg.Suite, Command: cfg.Command, Machine: h.machine()}
	h.report.Machine.Build, h.report.Machine.Engine = build, engine
	return h, nil
}

// machine is the report's head.
func (h *harness) machine() report.Machine {
	m := report.Describe()
	system := report.SystemCongestion()
	m.Network, m.Congestion["others"] = "the machine's loopback, shared with whatever else runs", system
	if medium.Enclosed() {
		m.Network = "a loopback of its own"
		if h.cfg.Congestion != "" {
			m.Congestion["others"] = h.cfg.Congestion
		}
	}
	m.Congestion["ringsync"] = m.Congestion["others"]
	if h.kit.Congestion != "" {
		m.Congestion["ringsync"] = h.kit.Congestion
	}
	m.Versions["ringsync"] = version()
	if h.kit.Swift != nil {
		m.Versions["Swift"] = h.kit.Swift.Version
	}
	if h.kit.RsyncVersion != "" {
		m.Versions["rsync"] = h.kit.RsyncVersion
	}
	if flags := strings.Join(append(append([]string{}, h.cfg.PushFlags...), h.cfg.NodeFlags...), " "); flags != "" {
		m.Versions["ringsync"] += " with " + flags
	}
	return m
}

// version is this build's, with the commit it was made from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && !strings.Contains(text, s.Value[:min(12, len(s.Value))]):
			text += " " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true" && !strings.Contains(text, "dirty"):
			text += " modified"
		}
	}
	return text
}

// enlist makes the contestants that are named. Who can't be here is left out by
// name, once.
func (h *harness) enlist(ctx context.Context, sets []*set) error {
	for _, s := range sets {
		for _, c := range s.cells {
			for _, name := range c.contestants {
				if err := h.enlistOne(ctx, name); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (h *harness) enlistOne(ctx context.Context, name string) error {
	if _, known := h.who[name]; known || h.isLeftOut(name) {
		return nil
	}
	c, err := h.kit.Contestant(ctx, name)
	if unable, ok := errors.AsType[*contestant.UnableError](err); ok {
		h.leaveOut(name, unable.Why)
		return nil
	}
	if err != nil {
		return err
	}
	h.who[name] = c
	return nil
}

func (h *harness) isLeftOut(what string) bool {
	for _, l := range h.report.LeftOut {
		if l.What == what {
			return true
		}
	}
	return false
}

func (h *harness) leaveOut(what string, why error) {
	line := strings.Join(strings.Fields(why.Error()), " ") // programs explain themselves in several
	h.say("left out: %s: %s", what, line)
	h.report.LeftOut = append(h.report.LeftOut, report.LeftOut{What: what, Why: line})
}
