package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/ringsync/ringsync/bench/contestant"
	"github.com/ringsync/ringsync/bench/floor"
	"github.com/ringsync/ringsync/bench/workload"
	"github.com/ringsync/ringsync/dataplane/verify"
)

// verify lets nothing count that is not right.
func (h *harness) verify(ctx context.Context, s *set, who *contestant.Contestant, f *figures) error {
	moved, _ := s.Moved()
	if f.sent.Offered >= 0 && (f.sent.Offered != s.Spec.Objects || f.sent.Wanted != moved) {
		return fmt.Errorf("%d objects offered and %d wanted, not %d and %d", f.sent.Offered, f.sent.Wanted, s.Spec.Objects, moved)
	}
	if s.Pass {
		if err := s.passed(f.sent.Pass); err != nil {
			return err
		}
	}
	switch who.Check {
	case contestant.None:
		return nil
	case contestant.Files, contestant.Bytes:
		return sameFiles(s.source, filepath.Join(s.target, device), who.Check == contestant.Bytes)
	}
	if s.Target == workload.Same {
		return nil // nothing has been written; see verifyRound
	}
	if err := h.sameTrees(ctx, s); err != nil || !s.Pass {
		return err
	}
	return h.passLeft(ctx, s)
}

// verifyRound compares disks that nobody should have changed, once for all
// contestants of a round.
func (h *harness) verifyRound(ctx context.Context, s *set) error {
	if s.Target != workload.Same {
		return nil
	}
	if err := h.sameTrees(ctx, s); err != nil || !s.Pass {
		return err
	}
	return h.passLeft(ctx, s)
}

func (h *harness) sameTrees(ctx context.Context, s *set) error {
	r, err := verify.Trees(ctx, verify.Config{
		A: filepath.Join(s.source, device), B: filepath.Join(s.target, device), Cluster: h.cluster, Policy: h.cluster.Policies[0]})
	if err != nil {
		return err
	}
	if r.Count > 0 {
		return fmt.Errorf("the receiver's disk differs in %d things: %s", r.Count, r.Differences[0])
	}
	if r.Objects != s.Spec.Objects {
		return fmt.Errorf("both disks hold %d objects, not %d", r.Objects, s.Spec.Objects)
	}
	return nil
}

// sameFiles compares what a floor has written with the bodies that it was to
// write: their sizes, or every byte.
func sameFiles(source, dir string, wholly bool) error {
	bodies, err := floor.Bodies(source)
	if err != nil {
		return err
	}
	written, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(written) != len(bodies) {
		return fmt.Errorf("%d files written, not %d", len(written), len(bodies))
	}
	for i, b := range bodies {
		path := floor.Named(dir, i)
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if info.Size() != b.Size {
			return fmt.Errorf("%s has %d bytes, not %d", path, info.Size(), b.Size)
		}
		if wholly {
			if err := sameBytes(b.Path, path); err != nil {
				return err
			}
		}
	}
	return nil
}

func sameBytes(a, b string) error {
	fa, err := os.Open(a)
	if err != nil {
		return err
	}
	defer fa.Close()
	fb, err := os.Open(b)
	if err != nil {
		return err
	}
	defer fb.Close()
	bufA, bufB := make([]byte, 1<<20), make([]byte, 1<<20)
	for {
		n, errA := io.ReadFull(fa, bufA)
		m, errB := io.ReadFull(fb, bufB)
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return fmt.Errorf("%s is not what %s holds", b, a)
		}
		if errors.Is(errA, io.EOF) || errors.Is(errA, io.ErrUnexpectedEOF) {
			return nil
		}
		if err := errors.Join(errA, errB); err != nil {
			return err
		}
	}
}
