package contestant

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ringsync/ringsync/bench/peer"
)

// Pass is what a replicator says of its pass in the recon cache, as Swift writes it
// and as we do.
type Pass struct {
	Stats struct {
		Attempted int `json:"attempted"` // partitions
		Failure   int `json:"failure"`   // peers that failed at one
		HashMatch int `json:"hashmatch"` // and that had the same digests
		Remove    int `json:"remove"`    // handoffs that have gone
		Sync      int `json:"rsync"`     // pushes, be it by ssync
	} `json:"replication_stats"`
	Minutes float64 `json:"object_replication_time"`
}

// senderAddress is the address that the ring gives the sender's node. Nobody
// listens there, and nobody asks.
const senderAddress = "127.0.0.2:6200"

// reconCache is where a replicator leaves its figures.
func (j *Job) reconCache() string { return filepath.Join(j.Dir, "object.recon") }

// passed completes what a pass took by what the replicator says of it: its seconds
// are those of its log line and of recon, and process those of its whole life.
func (j *Job) passed(s Sent, process float64) (Sent, error) {
	text, err := os.ReadFile(j.reconCache())
	if err != nil {
		return s, err
	}
	s.Pass = new(Pass)
	if err := json.Unmarshal(text, s.Pass); err != nil {
		return s, fmt.Errorf("%s: %w", j.reconCache(), err)
	}
	s.Offered, s.Wanted = -1, -1
	s.Seconds, s.Process = s.Pass.Minutes*60, process
	if s.Seconds <= 0 || s.Seconds > process {
		return s, fmt.Errorf("a pass of %v s in a process of %v s", s.Seconds, process)
	}
	return s, nil
}

// pass makes one pass of our replicator, a process of its own, as cron would start
// it.
func (o ours) pass(ctx context.Context, j *Job, r *Receiver) (Sent, error) {
	if err := j.writeRing(r.Address); err != nil {
		return Sent{}, err
	}
	conf := filepath.Join(j.Dir, "object-server.conf")
	if err := j.writeConf(conf); err != nil {
		return Sent{}, err
	}
	c := command(ctx, o.kit.ringsync(), "replicate", "--once", "--json", "--state-dir="+j.Dir, "--replicator-state="+j.StateDir, "--engine="+cmp.Or(o.engine, "auto"), conf)
	sum, err := j.work(c)
	if err != nil {
		return sum, err
	}
	return j.passed(sum, sum.Seconds)
}

// writeConf writes the sender's object-server.conf. What it sets beside the places
// is what peer's daemon.py gives Swift's replicator too.
func (j *Job) writeConf(path string) error {
	self, err := user.Current()
	if err != nil {
		return err
	}
	host, port, _ := strings.Cut(senderAddress, ":")
	text := fmt.Sprintf(`[DEFAULT]
bind_ip = %s
bind_port = %s
user = %s
swift_dir = %s
devices = %s
mount_check = false
fallocate_reserve = 0
reclaim_age = %d
[pipeline:main]
pipeline = object-server
[app:object-server]
use = egg:swift#object
[object-replicator]
sync_method = ssync
concurrency = %d
conn_timeout = 5
node_timeout = 60
http_timeout = 60
recon_cache_path = %s
`, host, port, self.Username, j.SwiftDir, j.Source, peer.NeverReclaim, j.Sessions, j.Dir)
	return os.WriteFile(path, []byte(text), 0o644)
}

// swiftPass makes one pass of Swift's replicator with ssync.
func (k *Kit) swiftPass(ctx context.Context, j *Job, r *Receiver) (Sent, error) {
	return k.replicate(ctx, j, r, map[string]string{"sync_method": "ssync"})
}

// replicatorSend makes one with rsync.
func (k *Kit) replicatorSend(ctx context.Context, j *Job, r *Receiver) (Sent, error) {
	return k.replicate(ctx, j, r, map[string]string{
		"sync_method": "rsync", "rsync_module": "rsync://" + r.extra + "/" + module, "log_rsync_transfers": "false"})
}

// replicate makes one pass of Swift's replicator, with a job for each session at
// once.
func (k *Kit) replicate(ctx context.Context, j *Job, r *Receiver, set map[string]string) (Sent, error) {
	if err := j.writeRing(r.Address); err != nil {
		return Sent{}, err
	}
	set["concurrency"], set["recon_cache_path"] = strconv.Itoa(j.Sessions), j.Dir
	report, err := k.Swift.MeasureDaemon(ctx, peer.Replicator, peer.DaemonConfig{
		SwiftDir: j.SwiftDir, Devices: j.Source, Address: senderAddress, Ready: j.Begin, Set: set})
	if err != nil {
		return Sent{}, err
	}
	if len(report.Errors) > 0 {
		return Sent{}, fmt.Errorf("the replicator of Swift: %.1000s", strings.Join(report.Errors, "; "))
	}
	sent := sentBy(-1, -1, report.Usage)
	if !j.Pass {
		return sent, nil // beside Senders, who have no process of their own to be told
	}
	return j.passed(sent, report.Start+report.Wall)
}
