// Package verify compares two device trees: what objects are there, what their
// files say, and what is in them. It reads the disks itself, with the words of
// package hashes but not with package store: a judge should not share code with
// the accused. It changes nothing.
//
//	names       the same hash directories, the same files that count in each
//	metadata    equal as maps, name and times included
//	bodies      as long as Content-Length and with the MD5 of the ETag, on both sides
//	litter      files in tmp, names in a hash directory that no Swift wrote, quarantine
//
// Inspect judges one hash directory by itself, wherever it lies.
package verify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sync/errgroup"
)

// Config says what is compared. A and B are device directories.
type Config struct {
	A, B    string
	Cluster *hashes.Cluster
	Policy  hashes.Policy
	Subset  bool // B may hold objects that A lacks
}

// Report is what was found.
type Report struct {
	Objects     int      `json:"objects"`
	Tombstones  int      `json:"tombstones"`
	Bytes       int64    `json:"bytes"`     // of bodies read, both sides
	Unchecked   int      `json:"unchecked"` // bodies that bear the mark of --verify none, both sides; here they are checked
	Seconds     float64  `json:"seconds"`
	Count       int      `json:"differences"`
	Differences []string `json:"first_differences,omitempty"`
}

// maxDifferences bounds what is told of trees that have nothing in common.
const maxDifferences = 50

// Trees compares. An error means that it could not be done; differences are in
// the report.
func Trees(ctx context.Context, cfg Config) (*Report, error) {
	c := &comparison{cfg: cfg}
	start := time.Now()
	places := map[string]bool{}
	for _, device := range []string{cfg.A, cfg.B} {
		if err := c.collect(device, places, cfg.Subset && device == cfg.B); err != nil {
			return nil, err
		}
		if err := c.litter(device); err != nil {
			return nil, err
		}
	}
	var g errgroup.Group
	g.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for place := range places {
		g.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			c.compare(place)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	slices.Sort(c.report.Differences)
	c.report.Seconds = time.Since(start).Seconds()
	return &c.report, nil
}

type comparison struct {
	cfg    Config
	mu     sync.Mutex
	report Report
}

func (c *comparison) differ(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Count++
	if len(c.report.Differences) < maxDifferences {
		c.report.Differences = append(c.report.Differences, fmt.Sprintf(format, args...))
	}
}

// collect notes the hash directories of a device, as partition/suffix/hash. What
// is no hash directory is told.
func (c *comparison) collect(device string, places map[string]bool, onlyLitter bool) error {
	if _, err := os.Stat(device); err != nil {
		return err
	}
	root := filepath.Join(device, c.cfg.Policy.DataDir())
	return walk(root, 3, func(place string, isDir bool) {
		name := filepath.Base(place)
		hash, err := proto.ParseHash(name)
		switch {
		case err != nil || !isDir || hash.Suffix().String() != filepath.Base(filepath.Dir(place)):
			c.differ("%s/%s: not a hash directory", root, place)
		case !onlyLitter:
			places[place] = true
		}
	})
}

// walk calls f for what lies depth directories below root. Plain files above
// that are Swift's own, locks and digests.
func walk(root string, depth int, f func(place string, isDir bool)) error {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if depth == 1 {
			f(e.Name(), e.IsDir())
			continue
		}
		if !e.IsDir() {
			continue
		}
		err := walk(filepath.Join(root, e.Name()), depth-1, func(place string, isDir bool) { f(filepath.Join(e.Name(), place), isDir) })
		if err != nil {
			return err
		}
	}
	return nil
}

// litter tells of what was left behind, or put aside.
func (c *comparison) litter(device string) error {
	for dir, what := range map[string]string{
		filepath.Join(device, c.cfg.Policy.TmpDir()):                 "left behind",
		filepath.Join(device, "quarantined", c.cfg.Policy.DataDir()): "in quarantine",
	} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			c.differ("%s: %s", filepath.Join(dir, e.Name()), what)
		}
	}
	return nil
}

// compare reads one hash directory on both sides.
func (c *comparison) compare(place string) {
	a, b := c.read(c.cfg.A, place), c.read(c.cfg.B, place)
	switch {
	case a == nil && b == nil, a == nil && c.cfg.Subset:
		return
	case a == nil || b == nil:
		where, there := c.cfg.A, a
		if a == nil {
			where, there = c.cfg.B, b
		}
		c.differ("%s: only in %s: %s", place, where, there)
		return
	}
	c.mu.Lock()
	if a.deleted {
		c.report.Tombstones++
	} else {
		c.report.Objects++
	}
	c.report.Bytes += a.bytes + b.bytes
	c.report.Unchecked += a.unchecked + b.unchecked
	c.mu.Unlock()
	for _, d := range a.differences(b) {
		c.differ("%s: %s", place, d)
	}
}
