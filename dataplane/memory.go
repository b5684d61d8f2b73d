package dataplane

import (
	"github.com/ringsync/ringsync/dataplane/budget"
	"github.com/ringsync/ringsync/dataplane/engine"
)

// Budget adds up what memory a node of this configuration may take with the devices
// that are there now.
func (cfg *Config) Budget(rings bool) budget.Budget {
	devices, _ := cfg.Store.DeviceNames() // a directory that can't be read has none to serve
	return budget.Of(budget.Config{
		Buffers: cfg.Buffers, Lanes: cfg.Lanes, NoRings: !rings, Clients: cfg.MaxClients,
		Devices: len(devices), PerDevice: cfg.Receiver.PerDevice, Sessions: cfg.Receiver.Concurrency, Group: cfg.Receiver.GroupSize,
	})
}

// tellMemory says at the start what the node may take.
func (cfg *Config) tellMemory(name engine.Name) {
	b := cfg.Budget(name == engine.Uring)
	attrs := make([]any, 0, 2*len(b.Lines)+2)
	for _, l := range b.Lines {
		attrs = append(attrs, l.What, l.Bytes())
	}
	cfg.Log.Info("memory at most, in bytes", append(attrs, "sum", b.Most)...)
}
