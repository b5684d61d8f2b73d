package interop_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/dataplane/replicator"
	"github.com/ringsync/ringsync/dataplane/stats"
)

// spread is one thing done to each of some objects, two in each partition.
func (c *ringCluster) spread(name string, op peer.Op) (ops []peer.Op) {
	in := map[int]int{}
	for k := 0; len(ops) < 2<<c.power; k++ {
		op.Name, op.Seed = fmt.Sprintf("/AUTH_a/c/%s-%d", name, k), int64(k)
		if in[c.partition(op.Name)]++; in[c.partition(op.Name)] <= 2 {
			ops = append(ops, op)
		}
	}
	return ops
}

// file is where an operation's file lies, below a device.
func (c *ringCluster) file(op peer.Op) string {
	hash := c.cluster.Secret.Hash(op.Name).String()
	ext := map[string]string{peer.Put: ".data", peer.Post: ".meta", peer.Delete: ".ts"}[op.Op]
	return filepath.Join("objects", fmt.Sprint(c.partition(op.Name)), hash[29:], hash, op.Timestamp+ext)
}

// files are all that are in hash directories of a node, below its device.
func (c *ringCluster) files(i int) []string {
	c.t.Helper()
	top := filepath.Join(c.nodes[i].devices, device)
	found, err := filepath.Glob(filepath.Join(top, "objects", "*", "???", "*", "*"))
	must(c.t, err)
	for k := range found {
		found[k], err = filepath.Rel(top, found[k])
		must(c.t, err)
	}
	return found
}

// primaries and handoffs are the nodes that should have an object, and the others.
func (c *ringCluster) primaries(op peer.Op) []int { return c.belong[c.partition(op.Name)] }

func (c *ringCluster) handoffs(op peer.Op) (others []int) {
	for i := range c.nodes {
		if !slices.Contains(c.primaries(op), i) {
			others = append(others, i)
		}
	}
	return others
}

// lie fails unless what was done is on just the nodes where it should be.
func (c *ringCluster) lie(where func(peer.Op) []int, ops ...peer.Op) {
	c.t.Helper()
	for i := range c.nodes {
		files := c.files(i)
		for _, op := range ops {
			if is, should := slices.Contains(files, c.file(op)), slices.Contains(where(op), i); is != should {
				c.t.Errorf("node %d has %s of %s at %s: %v, want %v", i, op.Op, op.Name, op.Timestamp, is, should)
			}
		}
	}
}

// failure is a peer's, as the metrics tell it.
var failure = regexp.MustCompile(`ringsync_replicator_peer_failures_total{device="d1",peer="([^"]+)",policy="0",reason="([^"]+)"}`)

// troubled lets a node replicate while some are in trouble, and returns why it
// failed with whom, "node reason" each, as it is counted; the log has to say so, too.
func (c *ringCluster) troubled(i int, edit ...func(*replicator.Config)) (report replicator.Report, failures []string) {
	c.t.Helper()
	counted, err := stats.New(stats.Config{Devices: c.nodes[i].devices, Cluster: c.cluster})
	must(c.t, err)
	defer counted.Close()
	var log bytes.Buffer
	report, _ = c.pass(i, append(edit, func(cfg *replicator.Config) {
		cfg.Stats = counted.Replicator(stats.StatsdConfig{})
		cfg.Log = slog.New(slog.NewTextHandler(io.MultiWriter(c.t.Output(), &log), nil))
	})...)
	answer := httptest.NewRecorder()
	counted.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	for _, found := range failure.FindAllStringSubmatch(answer.Body.String(), -1) {
		peer, reason := found[1], found[2]
		if !regexp.MustCompile(`msg="peer failed".* peer=` + peer + `/d1 reason=` + reason + ` `).Match(log.Bytes()) {
			c.t.Errorf("node %d does not log %s of %s:\n%s", i, reason, peer, log.Bytes())
		}
		for k, n := range c.nodes {
			if n.address == peer {
				failures = append(failures, fmt.Sprintf("%d %s", k, reason))
			}
		}
	}
	if report.Removed > 0 {
		c.t.Logf("node %d removed %d objects from handoffs", i, report.Removed)
	}
	return report, failures
}

// wantFailures compares who failed, and why.
func wantFailures(t *testing.T, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who failed, and why (-want +got):\n%s", diff)
	}
}
