package peer

import "context"

// Audit runs one pass of Swift's object auditor over a device, all policies,
// every byte, without delays. Bad objects really move to quarantined/. The
// errors are what the auditor logged as a warning or worse, quarantines among
// them.
func (s *Swift) Audit(ctx context.Context, swiftDir, devices, device string) (quarantined int, errors []string, err error) {
	var found struct {
		Quarantined int
		Errors      []string
	}
	err = s.ask(ctx, swiftDir, "audit.py", map[string]any{
		"swift_dir": swiftDir, "devices": devices, "device": device, "reclaim_age": NeverReclaim,
	}, &found)
	return found.Quarantined, found.Errors, err
}

// Hashes asks Swift's get_hashes for a partition's suffix digests, as a
// REPLICATE request would, recalculating the given suffixes whatever
// hashes.pkl says. Unlike Inspect it writes hashes.pkl and removes obsolete
// files, as Swift does. Erasure coding: see Partition.
func (s *Swift) Hashes(ctx context.Context, swiftDir, devices, device string, policy int, partition string, recalculate []string) (map[string]string, error) {
	var digests map[string]string
	err := s.ask(ctx, swiftDir, "suffix_hashes.py", map[string]any{
		"swift_dir": swiftDir, "devices": devices, "device": device, "policy": policy,
		"partition": partition, "recalculate": recalculate, "reclaim_age": NeverReclaim,
	}, &digests)
	return digests, err
}
