package dataplane_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/nodetest"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startNode serves a fresh device d1 and returns the address and the devices.
func startNode(t *testing.T, edit ...func(*dataplane.Config)) (address, devices string) {
	t.Helper()
	cfg := dataplane.Config{Store: storetest.New(t), Engine: os.Getenv("RINGSYNC_ENGINE"), Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Receiver: ssync.ReceiverConfig{ClientTimeout: 2 * time.Second, LockTimeout: 200 * time.Millisecond}}
	for _, e := range edit {
		e(&cfg)
	}
	return nodetest.Start(t, cfg).Address, cfg.Store.Devices()
}

// ask sends raw bytes, half-closes, and returns all that comes back.
func ask(t *testing.T, address, raw string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, raw); err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 {
		t.Fatal(err)
	}
	return string(answer)
}

func chunks(lines ...string) string {
	var b []byte
	for _, line := range lines {
		b = proto.AppendChunk(b, []byte(line))
	}
	return string(b)
}

const head = "SSYNC /d1/0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

// A partition that somebody else holds is waited for, and then the error says
// which lock it was.
func TestLockTimeout(t *testing.T) {
	address, devices := startNode(t)
	s := storetest.New(t, func(c *store.Config) { c.Devices = devices })
	lock, err := storetest.Partition(t, s).LockReplication(t.Context(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	answer := ask(t, address, head+chunks(":MISSING_CHECK: START\r\n"))
	if !strings.Contains(answer, ":ERROR: 0 '0.2 seconds: ") || !strings.Contains(answer, "/objects/0/.lock-replication'") {
		t.Errorf("%q", answer)
	}
}

// A session in hand is cut when the node's patience ends, and is told.
func TestShutdownCuts(t *testing.T) {
	s := storetest.New(t)
	node, err := dataplane.New(dataplane.Config{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	l, err := node.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, head, chunks(":MISSING_CHECK: START\r\n"))
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatal(line, err)
	}
	l.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- node.Shutdown(ctx) }()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	rest, _ := io.ReadAll(in)
	if !strings.Contains(string(rest), ":ERROR: 503") || !strings.Contains(string(rest), "stopping") {
		t.Errorf("%q", rest)
	}
	conn.Close()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// A client who connects and says nothing holds up neither the last free place nor
// the end of the node.
func TestShutdownWithSilentClient(t *testing.T) {
	node, err := dataplane.New(dataplane.Config{Store: storetest.New(t), Log: slog.New(slog.DiscardHandler), MaxClients: 1})
	if err != nil {
		t.Fatal(err)
	}
	l, err := node.Listen(context.Background(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- node.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "SSYNC ")
	time.Sleep(20 * time.Millisecond) // until it is being served
	l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- node.Shutdown(ctx) }()
	select {
	case err := <-stopped:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the node does not stop")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}
