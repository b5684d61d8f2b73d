package ring

import (
	"net"
	"strconv"
	"strings"
)

// Device is a disk of the cluster. Source: swift/common/ring/builder.py, add_dev.
type Device struct {
	ID           int
	Region, Zone int

	IP   string // where clients' requests go: an address, or a host's name
	Port int

	ReplicationIP   string // where other nodes' requests go; IP, if the ring names none
	ReplicationPort int

	Name   string // the device's directory below the node's devices; "device" in the file
	Weight float64
	Meta   string // free text of the operator
}

// Address returns HOST:PORT for clients' requests.
func (d *Device) Address() string { return address(d.IP, d.Port) }

// ReplicationAddress returns HOST:PORT for the requests of other nodes.
func (d *Device) ReplicationAddress() string { return address(d.ReplicationIP, d.ReplicationPort) }

// address brackets an IPv6 address, which a ring holds without brackets.
func address(host string, port int) string {
	return net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
}
