package doctor

import (
	"maps"
	"slices"

	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/uring"
)

// Rings is what the kernel lets this process do with io_uring, found out by doing it.
type Rings struct {
	Works      bool     `json:"works"`
	Text       string   `json:"text"`            // why, or why not
	Flags      []string `json:"flags,omitempty"` // of setup, that the kernel took
	Lacks      []string `json:"lacks,omitempty"` // operations
	Registered bool     `json:"registered_buffers"`
	ZeroCopy   string   `json:"zero_copy"` // whether sends without a copy are tried, and why
	Ahead      string   `json:"ahead"`     // how small files are fetched ahead, and why
}

func rings(r engine.Rules) Rings {
	p := uring.Probe()
	found := Rings{Works: p.Err == nil, Text: p.String(), Flags: p.Flags, Registered: p.Err == nil && p.Registered == nil, ZeroCopy: r.ZeroCopyWhy, Ahead: r.FetchWhy}
	if r.ZeroCopyFrom >= 0 {
		found.ZeroCopy = "sends from " + size(int64(r.ZeroCopyFrom)) + " on are " + r.ZeroCopyWhy
	}
	for _, name := range slices.Sorted(maps.Keys(p.Operations)) {
		if !p.Operations[name] {
			found.Lacks = append(found.Lacks, name)
		}
	}
	return found
}
