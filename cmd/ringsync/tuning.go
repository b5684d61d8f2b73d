package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/spf13/pflag"
)

// pushTuning are the flags of push that change how fast, and not what. What they
// cost is in cmd/ringsyncd/TUNING.md.
type pushTuning struct {
	cfg     engine.Config
	buffers int
}

func (t *pushTuning) add(f *pflag.FlagSet) {
	f.StringVar(&t.cfg.Name, "engine", cmp.Or(os.Getenv("RINGSYNC_ENGINE"), "auto"), "data path: auto, uring, sendfile or portable (also RINGSYNC_ENGINE)")
	f.IntVar(&t.buffers, "buffers", 0, "buffers of 1 MiB for bodies (default: for each of --sessions two, and four times as many as are read ahead)")
	f.IntVar(&t.cfg.Lanes, "lanes", 4, "large bodies that io_uring sends at once, each with a thread; more than that go another way")
	f.IntVar(&t.cfg.ReadAhead, "read-ahead", 4, "blocks of 1 MiB that io_uring reads of a body before they are sent, 1 to 16")
	f.Int64Var(&t.cfg.DirectFrom, "direct-from", 4<<20, "bytes from which a body that is not in the page cache is read past it; -1: never")
	f.IntVar(&t.cfg.ZeroCopyFrom, "zero-copy-from", 64<<10, "bytes of a send by io_uring from which it is tried without a copy; -1: never")
}

// engine makes what the flags say, for so many sessions side by side.
func (t *pushTuning) engine(sessions int) (*buffer.Pool, *engine.Engine, error) {
	pool, err := buffer.New(buffer.Config{Count: t.count(sessions)})
	if err != nil {
		return nil, nil, fmt.Errorf("--buffers: %w", err)
	}
	cfg := t.cfg
	cfg.Pool = pool
	moves, err := engine.New(cfg)
	if err != nil {
		return nil, nil, errors.Join(err, pool.Close())
	}
	return pool, moves, nil
}

// count is how many buffers there are: a session holds one for what it sends, those
// that it reads ahead into, and while a body ends as many for the next one. There are
// twice as many, since for that it takes only what half of the pool can spare (see
// buffer.Pool.TrySpare); what nobody uses takes no memory.
func (t *pushTuning) count(sessions int) int {
	if t.buffers != 0 {
		return t.buffers
	}
	return 2 * (1 + 2*max(1, t.cfg.ReadAhead)) * sessions
}

// addWays adds how a partition's bodies went.
func (r *pushReport) addWays(p *ssync.Result) {
	r.Ways.Add(p.Ways)
	if r.ZeroCopy == "" || p.ZeroCopy != engine.ZeroCopyUntried {
		r.ZeroCopy = p.ZeroCopy.String()
	}
}

func (r *pushReport) printWays(w io.Writer) {
	if r.Ways != (engine.Ways{}) {
		fmt.Fprintf(w, "bodies of more than 64 KiB, by way and reason: %s; sends without a copy: %s\n", r.Ways, r.ZeroCopy)
	}
}
