package ssync

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/proto"
)

// connect dials, asks, and reads the response head. Source: ssync_sender.py,
// Sender.connect.
func (t *transmission) connect(ctx context.Context) error {
	head, err := t.request()
	if err != nil {
		return err
	}
	dialing, cancel := context.WithTimeout(ctx, t.cfg.ConnTimeout)
	defer cancel()
	conn, err := t.cfg.Dialer(dialing, t.job.To)
	if err != nil {
		return waited("connect send", t.cfg.ConnTimeout, err)
	}
	t.conn = conn
	if err := t.open(ctx, head); err != nil {
		conn.Close()
		return err
	}
	return nil
}

func (t *transmission) open(ctx context.Context, request proto.RequestHead) error {
	stop := context.AfterFunc(ctx, func() { t.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	t.conn.SetDeadline(time.Now().Add(t.cfg.NodeTimeout))
	if _, err := t.conn.Write(proto.AppendRequestHead(nil, request)); err != nil {
		return waited("connect send", t.cfg.NodeTimeout, err)
	}
	head, ahead, err := readResponseHead(t.conn)
	if err != nil {
		return waited("connect receive", t.cfg.NodeTimeout, err)
	}
	if head.Status != 200 {
		return t.refused(head, ahead)
	}
	chunked, length, err := head.Body()
	if err != nil {
		return err
	}
	t.conn.SetDeadline(time.Time{})
	agreed, _ := head.Get(proto.FeaturesHeader)
	t.features = t.cfg.Verify.agree(t.features&proto.ParseFeatures(agreed), chunked)
	t.result.Features = t.features
	sums := t.features.Has(proto.FeatureXXH64)
	in, err := engine.NewInbound(ctx, t.conn, engine.InConfig{Pool: t.cfg.Pool, Chunked: chunked, Length: length, Ahead: ahead, Sums: sums})
	if err != nil {
		return err
	}
	t.out, err = engine.NewOutbound(ctx, t.conn, engine.OutConfig{Pool: t.cfg.Pool, ChunkBytes: t.cfg.ChunkBytes, WriteTimeout: t.cfg.NodeTimeout, Engine: t.cfg.Engine, Sums: sums, Pacer: t.pace()})
	if err != nil {
		t.pacer.Close()
		in.Close()
		return err
	}
	t.peer = listen(in, t.out.Interrupt)
	t.flushed = time.Now()
	return nil
}

func (t *transmission) request() (proto.RequestHead, error) {
	further, err := t.dialect.placement(t.policy)
	if t.features != 0 {
		further = append(further, proto.Header{Name: proto.FeaturesHeader, Value: t.features.String()})
	}
	return proto.RequestHead{
		Method: t.job.Verb.String(),
		Target: "/" + t.job.Device + "/" + strconv.FormatUint(uint64(t.job.Partition.Number()), 10),
		Minor:  1,
		Headers: append([]proto.Header{
			{Name: "Host", Value: t.job.To},
			{Name: "Accept-Encoding", Value: "identity"},
			{Name: "Transfer-Encoding", Value: "chunked"},
		}, further...),
	}, err
}

// readResponseHead returns the head and what came behind it.
func readResponseHead(conn net.Conn) (head proto.ResponseHead, ahead []byte, err error) {
	var buf []byte
	for {
		if end := proto.HeadEnd(buf); end >= 0 {
			head, err = proto.ParseResponseHead(buf[:end])
			return head, buf[end:], err
		}
		if len(buf) >= maxResponseHead {
			return head, nil, fmt.Errorf("response head of more than %d bytes", maxResponseHead)
		}
		piece := make([]byte, 4<<10)
		n, err := conn.Read(piece)
		if n == 0 && err != nil {
			return head, nil, err
		}
		buf = append(buf, piece[:n]...)
	}
}

func (t *transmission) refused(head proto.ResponseHead, ahead []byte) error {
	body := ahead
	if _, length, err := head.Body(); err == nil && length > int64(len(ahead)) {
		more := make([]byte, min(length, maxRefusal)-int64(min(len(ahead), maxRefusal)))
		n, _ := io.ReadFull(t.conn, more) // what is missing of a refusal's text is no matter
		body = append(body, more[:n]...)
	}
	return &StatusError{Status: head.Status, Body: string(body[:min(len(body), maxRefusal)])}
}
