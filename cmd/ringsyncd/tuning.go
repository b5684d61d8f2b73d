package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

// tuning are flags that change how fast, and not what. See TUNING.md.
type tuning struct {
	directFrom int64
	groupSize  int
}

func (t *tuning) add(f *pflag.FlagSet) {
	f.Int64Var(&t.directFrom, "direct-from", 4<<20, "bytes from which a body is written past the page cache; -1: never")
	f.IntVar(&t.groupSize, "group-size", 256, "objects that one commit publishes at the most")
}

func (t *tuning) check() error {
	if t.groupSize < 1 {
		return fmt.Errorf("--group-size %d: at least 1", t.groupSize)
	}
	return nil
}
