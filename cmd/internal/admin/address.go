// Package admin is where a running daemon is asked and told things by an operator
// of its machine: HTTP on a unix socket, or on the loopback.
//
//	ringsyncd ── Listen(address) ──▶ /status, …      only its user and root may
//	ringsync  ── Ask(address, …) ──▶ a bounded answer
//
// It knows where, and how much at the most; what is said belongs to the commands.
package admin

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
)

// SocketName is the socket in --state-dir that there is by default.
const SocketName = "admin.sock"

// Address is a place to listen at; none where Network is "".
type Address struct {
	Network string // "unix" or "tcp"
	Text    string // an absolute path, or HOST:PORT
}

func (a Address) String() string { return a.Text }

// maxPath is what the kernel takes for a socket: sun_path without its last zero.
const maxPath = 107

// ParseAddress reads the path of a socket, HOST:PORT where HOST is an address of the
// loopback, or "" or the word none, which are nowhere.
func ParseAddress(text string) (Address, error) {
	if text == "" || text == "none" {
		return Address{}, nil
	}
	if !strings.Contains(text, "/") && strings.Contains(text, ":") {
		at, err := netip.ParseAddrPort(text)
		switch {
		case err != nil:
			return Address{}, fmt.Errorf("%.64q: the path of a socket, or ADDRESS:PORT of the loopback", text)
		case !at.Addr().IsLoopback():
			return Address{}, fmt.Errorf("%s: not an address of the loopback, and nobody is asked there who he is", at)
		}
		return Address{"tcp", at.String()}, nil
	}
	path, err := filepath.Abs(text)
	if err == nil && len(path) > maxPath {
		err = fmt.Errorf("%.256q: the path of a socket has %d bytes at the most", path, maxPath)
	}
	if err != nil {
		return Address{}, err
	}
	return Address{"unix", path}, nil
}
