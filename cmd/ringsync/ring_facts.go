package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/ringsync/ringsync/hashes/ring"
	"github.com/ringsync/ringsync/proto"
)

// shownRing is what ringsync ring tells of a ring.
type shownRing struct {
	Ring          string        `json:"ring"`
	Format        int           `json:"format"`
	Version       int64         `json:"version"`
	PartPower     int           `json:"part_power"`
	NextPartPower *int          `json:"next_part_power,omitempty"`
	Partitions    int           `json:"partitions"`
	Replicas      float64       `json:"replicas"`
	Regions       int           `json:"regions"`
	Zones         int           `json:"zones"`
	Devices       []shownDevice `json:"devices"`
}

// shownDevice is a device under the names of Swift's ring.
type shownDevice struct {
	ID              int     `json:"id"`
	Region          int     `json:"region"`
	Zone            int     `json:"zone"`
	IP              string  `json:"ip"`
	Port            int     `json:"port"`
	ReplicationIP   string  `json:"replication_ip"`
	ReplicationPort int     `json:"replication_port"`
	Device          string  `json:"device"`
	Weight          float64 `json:"weight"`
	Meta            string  `json:"meta,omitempty"`

	Assigned int      `json:"assigned"`          // replicas of partitions
	Balance  *float64 `json:"balance,omitempty"` // per cent more than the weight asks for

	device *ring.Device
}

func deviceOf(r *ring.Ring, d *ring.Device) shownDevice {
	return shownDevice{
		ID: d.ID, Region: d.Region, Zone: d.Zone, IP: d.IP, Port: d.Port,
		ReplicationIP: d.ReplicationIP, ReplicationPort: d.ReplicationPort,
		Device: d.Name, Weight: d.Weight, Meta: d.Meta, Assigned: r.Assigned(d.ID),
		device: d,
	}
}

// ringFacts counts regions and zones of all devices, and what each device has of
// what its weight asks for. Source: swift/common/ring/builder.py, get_balance.
func ringFacts(r *ring.Ring, path string) *shownRing {
	s := &shownRing{Ring: path, Format: r.Format(), Version: r.Version(), PartPower: r.PartPower(), Partitions: r.Partitions(), Replicas: r.Replicas(), Devices: []shownDevice{}}
	if next, ok := r.NextPartPower(); ok {
		s.NextPartPower = &next
	}
	regions, zones, weight := map[int]bool{}, map[[2]int]bool{}, 0.0
	for _, d := range r.Devices() {
		regions[d.Region], zones[[2]int{d.Region, d.Zone}] = true, true
		weight += d.Weight
	}
	s.Regions, s.Zones = len(regions), len(zones)
	for _, d := range r.Devices() {
		shown := deviceOf(r, d)
		if d.Weight > 0 {
			wanted := d.Weight / weight * float64(s.Partitions) * s.Replicas
			balance := 100*float64(shown.Assigned)/wanted - 100
			shown.Balance = &balance
		}
		s.Devices = append(s.Devices, shown)
	}
	return s
}

// ringPlace is where a partition or a name belongs.
type ringPlace struct {
	Ring      string      `json:"ring"`
	Name      string      `json:"name,omitempty"`
	Partition uint32      `json:"partition"`
	Hash      string      `json:"hash,omitempty"`
	Primaries []shownNode `json:"primaries"`
	Handoffs  []shownNode `json:"handoffs"`
}

// shownNode is a device that has a place, or may have it.
type shownNode struct {
	shownDevice
	Directory string `json:"directory"` // below the node's devices
	Curl      string `json:"curl,omitempty"`
	SSH       string `json:"ssh,omitempty"`
}

// find finds the nodes of a place; dir is its directory on a device.
func (p *ringPlace) find(r *ring.Ring, dir string, all bool) {
	p.Primaries, p.Handoffs = []shownNode{}, []shownNode{}
	for _, d := range r.Primaries(p.Partition) {
		p.Primaries = append(p.Primaries, p.node(r, d, dir))
	}
	for d := range r.Handoffs(p.Partition) {
		if !all && len(p.Handoffs) == len(p.Primaries) {
			break
		}
		p.Handoffs = append(p.Handoffs, p.node(r, d, dir))
	}
}

func (p *ringPlace) node(r *ring.Ring, d *ring.Device, dir string) shownNode {
	n := shownNode{shownDevice: deviceOf(r, d), Directory: d.Name + "/" + dir}
	if !harmless(d.IP) || !harmless(d.Name) || !harmless(dir) {
		return n // somebody will paste the lines into a shell
	}
	n.SSH = fmt.Sprintf(`ssh %s "ls -lah ${DEVICE:-/srv/node*}/%s"`, d.IP, n.Directory)
	if p.Name != "" {
		n.Curl = p.curl(d, dir)
	}
	return n
}

// curl asks a node for the head. Source: swift/cli/info.py, curl_head_command.
func (p *ringPlace) curl(d *ring.Device, dir string) string {
	host := d.IP
	if address, err := netip.ParseAddr(host); err == nil && address.Is6() {
		host = "[" + host + "]"
	}
	line := fmt.Sprintf(`curl -g -I -XHEAD "http://%s:%d/%s/%d%s"`, host, d.Port, d.Name, p.Partition, proto.AppendQuoted(nil, p.Name))
	dataDir, _, _ := strings.Cut(dir, "/")
	if index, ok := strings.CutPrefix(dataDir, "objects-"); ok {
		line += fmt.Sprintf(` -H "X-Backend-Storage-Policy-Index: %s"`, index)
	}
	return line + " --path-as-is"
}

// harmless tells whether a word means nothing to a shell.
func harmless(word string) bool {
	return strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/%+=@,-") == ""
}
