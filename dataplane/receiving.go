package dataplane

import (
	"maps"

	"github.com/ringsync/ringsync/dataplane/store"
)

// Receiving is what a node does for others at a moment.
type Receiving struct {
	Clients    int            `json:"clients"`     // connections that are served
	MaxClients int            `json:"max_clients"` // so many at once
	Devices    map[string]int `json:"devices"`     // requests at each device, sessions and those that wait for a lock among them
	DeviceMost int            `json:"device_most"` // so many at once at one device
}

// Receiving tells what the node has in hand. It touches no disk.
func (n *Node) Receiving() Receiving {
	return Receiving{
		Clients: len(n.clients), MaxClients: cap(n.clients),
		Devices: n.devices.count(store.ValidDeviceName), DeviceMost: n.devices.room,
	}
}

// count tells how many are where, leaving out what is no name by valid: a peer may
// ask for anything.
func (c *crowd) count(valid func(string) error) map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := maps.Clone(c.in)
	maps.DeleteFunc(in, func(where string, _ int) bool { return valid(where) != nil })
	return in
}
