package dataplane

import (
	"context"
	"net/http"
	"strings"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"github.com/valyala/bytebufferpool"
)

// replicate answers REPLICATE: the digests of a partition or, with a list of
// suffixes, only their invalidation. Source: server.py, REPLICATE.
func (n *Node) replicate(r *request) {
	t, refused := n.place(r, true)
	n.placed(r, t, refused)
	if refused != nil {
		n.turnDown(r, refused)
		return
	}
	body := bytebufferpool.Get()
	defer bytebufferpool.Put(body)
	if err := n.digests(body, t); err != nil {
		f := refuseDevice(t.device, err)
		if f.status != http.StatusInsufficientStorage {
			f = refuse(http.StatusInternalServerError, "%v", err)
		}
		reason := ssync.ReasonOf(err, ssync.ReasonOther)
		r.seen.Ends(reason, f.status)
		n.cfg.Log.Error("digests not found out", "device", t.device, "policy", t.policy.Index, "partition", t.partition, "peer", r.conn.RemoteAddr().String(), "reason", string(reason), "error", err)
		f.reply(r)
		return
	}
	r.keep()
	r.reply(http.StatusOK, htmlText, body.B)
}

// digests finds out the answer's body.
func (n *Node) digests(body *bytebufferpool.ByteBuffer, t target) error {
	device, err := n.cfg.Store.Device(t.device)
	if err != nil {
		return err
	}
	defer device.Close()
	ctx, end := context.WithCancelCause(n.ctx)
	defer end(nil)
	defer n.watch.Hold(device, end)()
	partition := device.Partition(t.policy, t.partition)
	if t.rest == "" {
		digests, err := partition.Digests(ctx, nil, false)
		body.B = hashes.AppendReplicateAnswer(body.B, digests)
		return err
	}
	var suffixes []proto.Suffix
	for word := range strings.SplitSeq(t.rest, "-") {
		if s, err := proto.ParseSuffix(word); err == nil {
			suffixes = append(suffixes, s)
		}
	}
	if len(suffixes) > 0 {
		err = partition.Invalidate(ctx, suffixes...)
	}
	body.B = hashes.AppendNone(body.B)
	return err
}
