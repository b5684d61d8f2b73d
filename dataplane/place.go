package dataplane

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// target is what SSYNC, REPLICATION and REPLICATE are about.
type target struct {
	device    string
	policy    hashes.Policy
	partition uint32
	rest      string // REPLICATE's suffixes
}

// place reads policy, device and partition of a request, in Swift's order, and
// sees that the device is there. An erasure-coded policy is not looked into: that
// is for whoever serves it. Source: server.py, __call__; request_helpers.py,
// get_name_and_placement; ssync_receiver.py, Receiver.initialize_request.
func (n *Node) place(r *request, withRest bool) (t target, refused *refusal) {
	quoted, _, _ := strings.Cut(r.Target, "?")
	path, err := proto.Unquote(quoted)
	if err != nil || !utf8.ValidString(path) {
		return t, &refusal{status: http.StatusPreconditionFailed, html: "Invalid UTF8 or contains NULL"}
	}
	if t.policy, refused = n.policy(r); refused != nil {
		return t, refused
	}
	if refused = t.split(path, withRest); refused != nil {
		return t, refused
	}
	if refused = n.approach(r, t.device); refused != nil {
		return t, refused
	}
	device, err := n.cfg.Store.Device(t.device)
	if err != nil {
		refused := refuseDevice(t.device, err)
		refused.reason = ssync.ReasonOf(err, ssync.ReasonOther)
		n.cfg.Log.Warn("request refused", "device", t.device, "policy", t.policy.Index, "partition", t.partition, "peer", r.conn.RemoteAddr().String(), "reason", string(refused.reason), "error", err)
		return t, refused
	}
	device.Close()
	return t, nil
}

// approach takes one of the places at a device for the rest of a request, before
// anything on it is touched.
func (n *Node) approach(r *request, device string) *refusal {
	leave, ok := n.devices.enter(device)
	if !ok {
		f := refuse(http.StatusServiceUnavailable, "%d requests are at %.256s, as many as an eighth of max_clients: does a disk hang?", n.devices.room, device)
		f.reason = ssync.ReasonBusy
		n.cfg.Log.Warn("request refused", "device", device, "peer", r.conn.RemoteAddr().String(), "reason", string(f.reason), "error", f.text)
		return f
	}
	r.leave = leave
	return nil
}

// policy reads the header that names one; without it, it is policy 0.
func (n *Node) policy(r *request) (hashes.Policy, *refusal) {
	index, _ := r.Get("X-Backend-Storage-Policy-Index")
	number, err := strconv.Atoi(index)
	if index == "" {
		number, err = 0, nil
	}
	policy, known := n.cfg.Store.Cluster().Policy(number)
	switch {
	case err != nil || !known:
		return policy, refuse(http.StatusServiceUnavailable, "No policy with index %.32s", index)
	case policy.Kind != hashes.Replication:
		f := refuse(http.StatusServiceUnavailable, "Policy %d is erasure coded: its requests are for an object server behind this node, and there is none", number)
		f.python = true
		return policy, f
	}
	return policy, nil
}

// split takes a path apart: two segments and perhaps an empty third, or, withRest,
// whatever comes third. A partition has to be a canonical number, since any other
// spelling would be another directory; Swift makes that. Source: utils.py,
// split_path and validate_device_partition.
func (t *target) split(path string, withRest bool) *refusal {
	segments := strings.SplitN(path, "/", 4)
	if len(segments) < 3 || segments[0] != "" || segments[1] == "" || segments[2] == "" || len(segments) == 4 && segments[3] != "" && !withRest {
		return refuse(http.StatusBadRequest, "Invalid path: %.256s", proto.AppendQuoted(nil, path))
	}
	if len(segments) == 4 {
		t.rest = segments[3]
	}
	t.device = segments[1]
	if t.device == "." || t.device == ".." {
		return refuse(http.StatusBadRequest, "Invalid device: %s", t.device)
	}
	var err error
	if t.partition, err = store.ParsePartition(segments[2]); err != nil {
		return refuse(http.StatusBadRequest, "Invalid partition: %.256s", proto.AppendQuoted(nil, segments[2]))
	}
	return nil
}

// checkFragment refuses a fragment index that is no number, as Swift does for
// every policy; none is meant by an empty one, and by the "None" of 2.4.0. What it
// says is for erasure coding. Source: ssync_receiver.py, initialize_request.
func checkFragment(r *request) *refusal {
	index, _ := r.Get("X-Backend-Ssync-Frag-Index")
	if index == "" || index == "None" {
		return nil
	}
	if _, err := strconv.Atoi(index); err != nil {
		return refuse(http.StatusBadRequest, "Invalid X-Backend-Ssync-Frag-Index %.32q", index)
	}
	return nil
}

// refuseDevice tells a device that is not there, upon which peers turn to a
// handoff, from trouble of this process, upon which they come again. Source:
// swob.py, HTTPInsufficientStorage.
func refuseDevice(name string, err error) *refusal {
	if errors.Is(err, store.ErrUnmounted) || errors.Is(err, store.ErrSuspect) || errors.Is(err, store.ErrDeviceName) {
		return &refusal{status: http.StatusInsufficientStorage, html: page(http.StatusInsufficientStorage, fmt.Sprintf("There was not enough space to save the resource. Drive: %.256s", name))}
	}
	return refuse(http.StatusServiceUnavailable, "%v", err)
}

// page is Swift's page for a status. Source: swob.py, RESPONSE_REASONS.
func page(status int, says string) string {
	return fmt.Sprintf("<html><h1>%s</h1><p>%s</p></html>", reason(status), says)
}
