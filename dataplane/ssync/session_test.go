package ssync_test

import (
	"context"
	"fmt"
	"net"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"log/slog"
)

func TestTwoOfOurs(t *testing.T) {
	src, dst := storetest.New(t), storetest.New(t)
	p := storetest.Partition(t, src)
	for i := range 300 {
		body := make([]byte, i*1000)
		if err := storetest.Put(p, fmt.Sprintf("/a/c/o%d", i), storetest.Time(float64(i)), body); err != nil {
			t.Fatal(err)
		}
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	node, err := dataplane.New(dataplane.Config{Store: dst, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go node.Serve(l)
	pool, _ := buffer.New(buffer.Config{})
	s, err := ssync.NewSender(ssync.SenderConfig{Pool: pool, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		suffixes, _ := p.Suffixes()
		r := s.Push(context.Background(), ssync.Job{To: l.Addr().String(), Device: "d1", Partition: p, Suffixes: suffixes})
		t.Logf("%+v", r)
		if r.Err != nil || r.Proven != 300 {
			t.Fatal(r.Err)
		}
	}
	l.Close()
	if err := node.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}
