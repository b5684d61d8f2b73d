package replicator

import (
	"fmt"
	"strings"

	"github.com/ringsync/ringsync/dataplane/store"
)

// tidy removes what writers who died have left behind on a device of a policy, as a
// pass of Swift's does before it looks for partitions. What can't be removed is told,
// and keeps nothing from being replicated. Source: replicator.py,
// build_replication_jobs.
func (p *pass) tidy(device *store.Device, at place) {
	if p.cfg.DryRun {
		return
	}
	log := p.cfg.Log.With("device", at.local.Name, "policy", at.policy.Index)
	removed, err := device.PurgeTemp(at.policy)
	if removed > 0 {
		log.Info("old temporary files removed", "files", removed, "dir", at.policy.TmpDir())
	}
	if err != nil {
		log.Warn("old temporary files not removed", "dir", at.policy.TmpDir(), "error", oneLine(err))
	}
}

// oneLine joins errors as a log line has them.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// partitions lists those of a policy on a device. A plain file in a partition's place
// keeps it from being made, and goes: it is empty, or nothing that anybody reads.
// Source: replicator.py, replicate.
func (p *pass) partitions(device *store.Device, at place) ([]uint32, error) {
	list, err := device.List(at.policy)
	if err != nil {
		return nil, err
	}
	for _, n := range list.Files {
		if p.cfg.DryRun || !in(p.cfg.Only.Partitions, n) || len(at.ring.Primaries(n)) == 0 {
			continue
		}
		file := device.Partition(at.policy, n)
		log := p.cfg.Log.With("device", at.local.Name, "policy", at.policy.Index, "partition", n)
		if err := file.RemoveFile(); err != nil {
			log.Warn("what is in a partition's place stays there", "error", err)
			continue
		}
		log.Warn(fmt.Sprintf("Removing partition directory which was a file: %s", file.Path()))
	}
	return list.Partitions, nil
}
