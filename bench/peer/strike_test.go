package peer_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
)

// A server that hangs takes connections and answers nobody until it goes on; one
// that is killed leaves no process, and its address to the next one. Stop complains
// of neither.
func TestStruckServer(t *testing.T) {
	swift := peertest.Require(t)
	cfg := peer.ServerConfig{SwiftDir: peertest.SwiftDir(t), Devices: peertest.Devices(t), Workers: 2}
	server := peertest.Server(t, swift, cfg)
	if err := server.Hang(); err != nil {
		t.Fatal(err)
	}
	if err := ask(server.Addr(), 200*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a server that hangs: %v", err)
	}
	if err := server.GoOn(); err != nil {
		t.Fatal(err)
	}
	if err := ask(server.Addr(), time.Minute); err != nil {
		t.Errorf("a server that goes on: %v", err)
	}
	server.Kill()
	if left := group(t, server.PID()); len(left) > 0 {
		t.Errorf("still running: %q", left)
	}
	cfg.Addr = server.Addr()
	again := peertest.Server(t, swift, cfg)
	if err := ask(again.Addr(), time.Minute); err != nil {
		t.Errorf("the next server: %v", err)
	}
	if err := again.Hang(); err != nil { // and is stopped like that
		t.Fatal(err)
	}
}

// ask is an OPTIONS request.
func ask(address string, patience time.Duration) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	request, err := http.NewRequest(http.MethodOptions, "http://"+address+"/", nil)
	if err != nil {
		return err
	}
	if err := request.Write(c); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}
