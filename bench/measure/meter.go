package measure

import (
	"fmt"
	"slices"
)

// Meter measures between two moments: its making and Read.
type Meter struct {
	receivers []int // their first processes
	begun     reading
}

// reading is what the counters showed at one moment.
type reading struct {
	receiver, machine CPU
	kernel            map[int]CPU // by thread
	kernelVisible     bool
	switches, wire    int64
	pids              []int
}

// Usage is what a run took, the sender's own left out.
type Usage struct {
	Receiver         CPU
	ReceiverPeak     int64 // bytes, since the receiver's start
	ReceiverSwitches int64
	Kernel           CPU // of the kernel's threads
	KernelVisible    bool
	Machine          CPU // of everybody
	WireBytes        int64
}

// NewMeter begins to measure. The receivers are the first processes of who
// receives; none is fine. Their processes must not end before Read, unless
// somebody waits for them.
func NewMeter(receivers ...int) (*Meter, error) {
	begun, err := read(receivers)
	if err != nil {
		return nil, err
	}
	return &Meter{receivers, begun}, nil
}

// Read tells what has been used since.
func (m *Meter) Read() (Usage, error) {
	now, err := read(m.receivers)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{
		Receiver:         now.receiver.Minus(m.begun.receiver),
		ReceiverSwitches: max(0, now.switches-m.begun.switches),
		Kernel:           since(m.begun.kernel, now.kernel),
		KernelVisible:    now.kernelVisible,
		Machine:          now.machine.Minus(m.begun.machine),
		WireBytes:        now.wire - m.begun.wire,
	}
	u.ReceiverPeak, err = peakBytes(now.pids)
	return u, err
}

func read(receivers []int) (r reading, err error) {
	all, err := readProcesses()
	if err != nil {
		return r, err
	}
	for _, pid := range receivers {
		tree := all.tree(pid)
		if tree == nil {
			return r, fmt.Errorf("the receiver, process %d, has ended", pid)
		}
		r.pids = append(r.pids, tree...)
	}
	slices.Sort(r.pids)
	r.pids = slices.Compact(r.pids)
	r.receiver = all.cpu(r.pids)
	r.kernel, r.kernelVisible = all.kernel()
	if r.switches, err = switches(r.pids); err != nil {
		return r, err
	}
	if r.machine, err = machineCPU(); err != nil {
		return r, err
	}
	r.wire, err = wireBytes()
	return r, err
}
