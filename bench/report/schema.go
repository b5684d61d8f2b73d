package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
)

// Schema names the form of the JSON.
const Schema = "ringsync-bench/1"

// Report is one run of the harness.
type Report struct {
	Schema  string    `json:"schema"`
	Suite   string    `json:"suite,omitempty"` // "" where cells were picked by hand
	Command string    `json:"command"`         // makes the whole report again
	Machine Machine   `json:"machine"`
	Rows    []*Row    `json:"rows"`
	LeftOut []LeftOut `json:"left_out,omitempty"`
	Failure string    `json:"failure,omitempty"` // what went wrong: then it proves nothing
	Failed  []Cell    `json:"failed,omitempty"`  // whose rows are missing for it; see Merge
	Parts   []Part    `json:"parts,omitempty"`   // of a report that was merged; rows name theirs
}

// Machine is what a report was measured on.
type Machine struct {
	Date        string            `json:"date"`
	Seconds     float64           `json:"seconds"` // that all of it took
	Kernel      string            `json:"kernel"`
	Processor   string            `json:"processor"`
	Cores       int               `json:"cores"`
	MemoryBytes int64             `json:"memory_bytes"`
	Media       map[string]string `json:"media"`              // file system, device and mount options of each
	Congestion  map[string]string `json:"congestion_control"` // "ringsync" and "others"
	Network     string            `json:"network"`            // whose loopback it was
	Versions    map[string]string `json:"versions"`
	LoadBefore  string            `json:"load_before"`
	LoadAfter   string            `json:"load_after"`
	Build       string            `json:"build,omitempty"`  // digest of the programs that were measured
	Engine      string            `json:"engine,omitempty"` // that ringsync chooses here
}

// Part is a report that has become part of another.
type Part struct {
	Suite   string  `json:"suite,omitempty"`
	Command string  `json:"command"`
	Machine Machine `json:"machine"`
}

// LeftOut is something that could not be measured here.
type LeftOut struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Cell is what was done.
type Cell struct {
	Workload   string  `json:"workload"`
	About      string  `json:"about"`
	Scale      float64 `json:"scale"`
	Objects    int     `json:"objects"`       // on the sender's disk
	Bytes      int64   `json:"bytes"`         // of their bodies
	Largest    int64   `json:"largest_bytes"` // body
	Moved      int     `json:"moved"`         // objects that a run sends
	MovedBytes int64   `json:"moved_bytes"`
	Unit       string  `json:"unit"` // of its rate: objects/s, MB/s (10^6), offers/s or objects held/s
	Medium     string  `json:"medium"`
	Cache      string  `json:"cache"`     // warm or cold
	CacheHow   string  `json:"cache_how"` // how it was made so
	Sessions   int     `json:"sessions"`
	Partitions int     `json:"partitions"` // 1 or 64
	Young      bool    `json:"young"`      // objects under two minutes old: receivers of ours fsync them again
}

// Row is one contestant at one cell.
type Row struct {
	Cell
	Part       int                  `json:"part,omitempty"` // number of the run that it is of, in Parts
	Contestant string               `json:"contestant"`
	Floor      bool                 `json:"floor,omitempty"`
	Stored     bool                 `json:"stored_digests,omitempty"` // the sender's objects had our stored digest
	Digest     string               `json:"promised_digest"`
	Durable    string               `json:"promised_durable"`
	Command    string               `json:"command"` // makes this row again
	Samples    map[string][]float64 `json:"samples"` // by measure; one a run, those of calls one in all
	Summary    map[string]Spread    `json:"summary"`
	Rates      Rates                `json:"rates"`
}

// The measures.
const (
	Seconds          = "seconds"         // of the work, without start-up
	FlushSeconds     = "flush_seconds"   // that a syncfs takes afterwards
	ProcessSeconds   = "process_seconds" // of a pass: of the sender's process, from its start to its end
	SenderUser       = "sender_user_seconds"
	SenderSystem     = "sender_system_seconds"
	ReceiverUser     = "receiver_user_seconds"
	ReceiverSystem   = "receiver_system_seconds"
	KernelSeconds    = "kernel_seconds"  // CPU of the kernel's own threads
	MachineSeconds   = "machine_seconds" // CPU of everybody, the harness included
	SenderPeak       = "sender_peak_bytes"
	ReceiverPeak     = "receiver_peak_bytes"
	SenderSwitches   = "sender_switches"
	ReceiverSwitches = "receiver_switches"
	WireBytes        = "wire_bytes" // over the loopback, heads and acknowledgements included
	SenderCalls      = "sender_calls"
	ReceiverCalls    = "receiver_calls"
	SenderFsyncs     = "sender_fsyncs"
	ReceiverFsyncs   = "receiver_fsyncs"
	SenderRings      = "sender_ring_operations" // given to io_uring
	ReceiverRings    = "receiver_ring_operations"
)

// Rates are computed from medians. CPU is the sender's, the receiver's and that of
// the kernel's threads.
type Rates struct {
	ObjectsPerSecond  float64 `json:"objects_per_second,omitempty"`
	MBPerSecond       float64 `json:"mb_per_second,omitempty"`
	OffersPerSecond   float64 `json:"offers_per_second,omitempty"`
	CPUPerGiB         float64 `json:"cpu_seconds_per_gib,omitempty"`
	CPUPer1000Objects float64 `json:"cpu_seconds_per_1000_objects"` // of those offered
}

// Spread is what several runs gave.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

func spreadOf(values []float64) Spread {
	v := slices.Sorted(slices.Values(values))
	if len(v) == 0 {
		return Spread{}
	}
	mid := len(v) / 2
	median := v[mid]
	if len(v)%2 == 0 {
		median = (v[mid-1] + v[mid]) / 2
	}
	return Spread{Min: v[0], Median: median, Max: v[len(v)-1]}
}

// Note adds a figure of one run.
func (r *Row) Note(measure string, value float64) {
	if r.Samples == nil {
		r.Samples = map[string][]float64{}
	}
	r.Samples[measure] = append(r.Samples[measure], value)
}

// Runs is how many runs were timed.
func (r *Row) Runs() int { return len(r.Samples[Seconds]) }

// Has tells whether a measure could be had.
func (r *Row) Has(measure string) bool { return len(r.Samples[measure]) > 0 }

// Sum computes medians and rates from the samples.
func (r *Row) Sum() {
	r.Summary = map[string]Spread{}
	for measure, values := range r.Samples {
		r.Summary[measure] = spreadOf(values)
	}
	took := r.Summary[Seconds].Median
	if took <= 0 {
		return
	}
	cpu := r.cpu()
	r.Rates = Rates{CPUPer1000Objects: cpu / float64(r.Objects) * 1000, OffersPerSecond: float64(r.Objects) / took}
	if r.Moved > 0 {
		r.Rates.ObjectsPerSecond = float64(r.Moved) / took
	}
	if r.MovedBytes > 0 {
		r.Rates.MBPerSecond = float64(r.MovedBytes) / 1e6 / took
		r.Rates.CPUPerGiB = cpu / float64(r.MovedBytes) * (1 << 30)
	}
}

// median adds the medians of measures.
func (r *Row) median(measures ...string) (sum float64) {
	for _, m := range measures {
		sum += r.Summary[m].Median
	}
	return sum
}

// Rate is the row's rate in its cell's unit.
func (r *Row) Rate() float64 {
	switch r.Unit {
	case "MB/s":
		return r.Rates.MBPerSecond
	case "offers/s", "objects held/s":
		return r.Rates.OffersPerSecond
	}
	return r.Rates.ObjectsPerSecond
}

// Read reads a report from a file.
func Read(path string) (*Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var r Report
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("%s: its form is %.64q, and this program reads %s", path, r.Schema, Schema)
	}
	for i, row := range r.Rows {
		if row == nil || row.Objects <= 0 {
			return nil, fmt.Errorf("%s: row %d: %w", path, i, errors.New("no objects"))
		}
		row.Sum()
	}
	return &r, nil
}

// Save writes a report to a file.
func (r *Report) Save(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
