package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ringsync/ringsync/dataplane/budget"
	"github.com/ringsync/ringsync/dataplane/doctor"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/spf13/pflag"
)

// doctorTuning are flags of ringsyncd that change what doctor says.
type doctorTuning struct {
	cfg              engine.Config
	buffers, clients int
}

func (t *doctorTuning) add(f *pflag.FlagSet) {
	f.IntVar(&t.buffers, "buffers", 64, "as of ringsyncd")
	f.IntVar(&t.cfg.Lanes, "lanes", 4, "as of ringsyncd")
	f.Int64Var(&t.cfg.DirectFrom, "direct-from", 4<<20, "as of ringsyncd, and of push")
	f.IntVar(&t.cfg.ZeroCopyFrom, "zero-copy-from", 64<<10, "as of push")
	f.IntVar(&t.clients, "max-clients", 1024, "as of ringsyncd")
}

func (t *doctorTuning) budget() budget.Config {
	return budget.Config{Buffers: t.buffers, Lanes: t.cfg.Lanes, Clients: t.clients}
}

func printRings(w io.Writer, r *doctor.Rings) {
	fmt.Fprintf(w, "io_uring  %s\n", strings.TrimPrefix(r.Text, "io_uring "))
	if r.Works {
		fmt.Fprintf(w, "          setup with %s; lacks %s\n", strings.Join(r.Flags, ","), none(r.Lacks))
	}
	fmt.Fprintf(w, "          sends without a copy: %s\n", r.ZeroCopy)
	fmt.Fprintf(w, "          cold small objects are fetched ahead of a sender: %s\n", r.Ahead)
}

func none(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, ",")
}

func printMemory(w io.Writer, b *budget.Budget) {
	fmt.Fprintf(w, "memory    ringsyncd takes at most %d MiB, and the heap's reserve:\n", b.Most>>20)
	for _, l := range b.Lines {
		fmt.Fprintf(w, "          %6d MiB  %s: %d of %d KiB\n", l.Bytes()>>20, l.What, l.Count, l.Each>>10)
	}
}

// printPaths prints a path in a line, the kind of body where it changes.
func printPaths(w io.Writer, paths []doctor.Path) {
	for k := range paths {
		p := &paths[k]
		kind := p.Kind()
		if k > 0 && paths[k-1].Kind() == kind {
			kind = ""
		}
		fmt.Fprintf(w, "  %-26s %-13s %-9s %s\n", kind, p.Sizes(), p.Way, p.Text)
	}
}

// printOwnPaths prints those of a device that are not the machine's.
func printOwnPaths(w io.Writer, d *doctor.Device, machine []doctor.Path) {
	var own []doctor.Path
	for _, p := range d.Paths {
		if !slices.Contains(machine, p) {
			own = append(own, p)
		}
	}
	switch {
	case len(own) > 0:
		fmt.Fprintln(w, "  paths of bodies, where they differ from those above:")
		printPaths(w, own)
	case d.Probe == nil && len(d.Paths) > 0:
		fmt.Fprintln(w, "  paths of bodies: as above, if it takes O_DIRECT")
	case len(d.Paths) > 0:
		fmt.Fprintln(w, "  paths of bodies: as above")
	}
}
