package replicator

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/hashes/ring"
)

// targetName is a remote device as Swift's figures name it.
type targetName struct {
	ip     string
	port   int // which Swift's figures leave out
	device string
}

func target(d *ring.Device) targetName { return targetName{d.ReplicationIP, d.ReplicationPort, d.Name} }

// Counts are the figures of a pass. The first nine are Swift's replication_stats,
// under its names. Source: replicator.py, Stats.
type Counts struct {
	Attempted    int                       `json:"attempted"` // partitions
	Failure      int                       `json:"failure"`   // of remote devices asked, once a partition
	FailureNodes map[string]map[string]int `json:"failure_nodes,omitempty"`
	HashMatch    int                       `json:"hashmatch"`
	Remove       int                       `json:"remove"` // partitions
	Sync         int                       `json:"rsync"`  // pushes of a partition to a device
	Success      int                       `json:"success"`
	SuffixCount  int                       `json:"suffix_count"`
	SuffixHash   int                       `json:"suffix_hash"`
	SuffixSync   int                       `json:"suffix_sync"`

	Jobs     int   `json:"jobs"`
	Handoffs int   `json:"handoffs_remaining"`
	Offered  int   `json:"objects_offered"`
	Sent     int   `json:"objects_sent"`
	Bytes    int64 `json:"bytes_sent"`
	Removed  int   `json:"objects_removed"`
}

// counters are Counts that many jobs write to.
type counters struct {
	mu sync.Mutex
	Counts
	began time.Time
	times []time.Duration
	told  int // Attempted, when it was last told
	live  map[*ssync.Progress]struct{}
}

// edit changes the counts.
func (c *counters) edit(change func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.Counts)
}

// fail counts the failure of a remote device.
func (c *counters) fail(t targetName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Failure++
	if c.FailureNodes == nil {
		c.FailureNodes = map[string]map[string]int{}
	}
	if c.FailureNodes[t.ip] == nil {
		c.FailureNodes[t.ip] = map[string]int{}
	}
	c.FailureNodes[t.ip][t.device]++
}

// takeBack makes a job's last try as if it had not been, for there will be another.
func (c *counters) takeBack(j *job) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Success -= j.good
	for _, t := range j.failed {
		c.Failure--
		if c.FailureNodes[t.ip][t.device]--; c.FailureNodes[t.ip][t.device] == 0 {
			delete(c.FailureNodes[t.ip], t.device)
		}
		if len(c.FailureNodes[t.ip]) == 0 {
			delete(c.FailureNodes, t.ip)
		}
	}
	if j.left {
		c.Handoffs--
	}
}

// begins and ended frame a job.
func (c *counters) begins(p *ssync.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.live[p] = struct{}{}
}

func (c *counters) ended(j *job, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.live, j.progress)
	c.addProgress(j.progress)
	if !j.tried {
		c.Attempted++
	}
	j.tried = true
	c.times = append(c.times, took)
}

func (c *Counts) addProgress(p *ssync.Progress) {
	c.Offered += int(p.Offered.Load())
	c.Sent += int(p.Sent.Load())
	c.Bytes += p.Bytes.Load()
}

// snapshot is a copy, with what jobs in hand have moved so far.
func (c *counters) snapshot() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Counts
	now.FailureNodes = map[string]map[string]int{}
	for ip, devices := range c.FailureNodes {
		now.FailureNodes[ip] = maps.Clone(devices)
	}
	for p := range c.live {
		now.addProgress(p)
	}
	return now
}

// recon is replication_stats for the recon cache, into which it is merged: an
// empty object takes the key away. Source: replicator.py, Stats.to_recon.
func (c *Counts) recon() map[string]any {
	nodes := map[string]any{}
	for ip, devices := range c.FailureNodes {
		of := map[string]any{}
		for name, n := range devices {
			of[name] = n
		}
		nodes[ip] = of
	}
	return map[string]any{
		"attempted": c.Attempted, "failure": c.Failure, "failure_nodes": nodes, "hashmatch": c.HashMatch, "remove": c.Remove,
		"rsync": c.Sync, "success": c.Success, "suffix_count": c.SuffixCount, "suffix_hash": c.SuffixHash, "suffix_sync": c.SuffixSync,
	}
}

// tell logs how far a pass is, in Swift's words, for which operators look. Source:
// replicator.py, stats_line.
func (c *counters) tell(log *slog.Logger, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	elapsed := now.Sub(c.began).Seconds()
	if c.Attempted <= c.told {
		log.Info(fmt.Sprintf("Nothing replicated for %v seconds.", elapsed))
		return
	}
	c.told = c.Attempted
	done, total := float64(c.Attempted), float64(max(c.Jobs, c.Attempted))
	left := max(elapsed, 1e-6) * (total - done) / done
	log.Info(fmt.Sprintf("%d/%d (%.2f%%) partitions replicated in %.2fs (%.2f/sec, %s remaining)",
		c.Attempted, c.Jobs, done*100/total, elapsed, done/max(elapsed, 1e-6), eta(left)))
	log.Info(fmt.Sprintf("%d successes, %d failures", c.Success, c.Failure))
	if c.SuffixCount > 0 {
		of := 100 / float64(c.SuffixCount)
		log.Info(fmt.Sprintf("%d suffixes checked - %.2f%% hashed, %.2f%% synced", c.SuffixCount, of*float64(c.SuffixHash), of*float64(c.SuffixSync)))
		slices.Sort(c.times)
		log.Info(fmt.Sprintf("Partition times: max %.4fs, min %.4fs, med %.4fs",
			c.times[len(c.times)-1].Seconds(), c.times[0].Seconds(), c.times[len(c.times)/2].Seconds()))
	}
}

// eta is a time left as Swift writes it: a number and the largest unit. Source:
// utils, compute_eta, get_time_units.
func eta(seconds float64) string {
	switch {
	case seconds >= 3600:
		return fmt.Sprintf("%dh", int(seconds/3600))
	case seconds >= 60:
		return fmt.Sprintf("%dm", int(seconds/60))
	}
	return fmt.Sprintf("%ds", int(seconds))
}

// reset begins a pass.
func (c *counters) reset(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Counts, c.began, c.times, c.told, c.live = Counts{}, now, nil, 0, map[*ssync.Progress]struct{}{}
}
