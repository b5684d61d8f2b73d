package dataplane

import (
	"net/http"
	"strings"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// replicate answers REPLICATE: the digests of a partition or, with a list of
// suffixes, only their invalidation. Source: server.py, REPLICATE.
func (n *Node) replicate(r *request) {
	t, refused := n.place(r, 3)
	n.placed(r, t, refused)
	if refused != nil {
		refused.reply(r.conn)
		return
	}
	body, err := n.digests(t)
	if err != nil {
		reason := ssync.ReasonOf(err, ssync.ReasonOther)
		r.seen.Ends(reason, http.StatusInternalServerError)
		n.cfg.Log.Error("digests not found out", "device", t.device, "policy", t.policy.Index, "partition", t.partition, "peer", r.conn.RemoteAddr().String(), "reason", string(reason), "error", err)
		refuse(http.StatusInternalServerError, "%v", err).reply(r.conn)
		return
	}
	reply(r.conn, http.StatusOK, "text/html; charset=UTF-8", string(body))
}

func (n *Node) digests(t target) ([]byte, error) {
	device, err := n.cfg.Store.Device(t.device)
	if err != nil {
		return nil, err
	}
	defer device.Close()
	partition := device.Partition(t.policy, t.partition)
	if t.rest == "" {
		digests, err := partition.Digests(n.ctx, nil, false)
		return hashes.AppendReplicateAnswer(nil, digests), err
	}
	var suffixes []proto.Suffix
	for word := range strings.SplitSeq(t.rest, "-") {
		if s, err := proto.ParseSuffix(word); err == nil {
			suffixes = append(suffixes, s)
		}
	}
	if len(suffixes) > 0 {
		err = partition.Invalidate(n.ctx, suffixes...)
	}
	return hashes.AppendNone(nil), err
}
