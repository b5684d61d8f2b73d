package peer

import (
	"cmp"
	"context"
	"time"
)

// ReconstructConfig says which devices a pass of Swift's object-reconstructor
// goes over.
type ReconstructConfig struct {
	SwiftDir string   // holds swift.conf with an erasure-coded policy; gets the policy's ring
	Devices  string   // the directory of the devices
	Names    []string // as many as the policy has fragments; the I-th is to hold fragment I
	To       string   // IP:PORT of all of them in the ring: whoever listens there answers for them
	Policy   int

	Timeout     time.Duration // node_timeout; default 60 s
	ConnTimeout time.Duration // conn_timeout; default 5 s
}

// Reconstruct runs one pass. All devices are this node's, so that each is synced
// with its neighbours in the ring by way of To: REPLICATE, SSYNC, and a GET of the
// other fragments for each one that is missing. It returns what Swift logged as a
// warning or worse.
func (s *Swift) Reconstruct(ctx context.Context, cfg ReconstructConfig) (complaints []string, err error) {
	if _, _, err := splitAddr(cfg.To); err != nil {
		return nil, err
	}
	var report struct {
		Errors []string `json:"errors"`
	}
	err = s.call(ctx, "reconstruct.py", map[string]any{
		"swift_dir": cfg.SwiftDir, "devices": cfg.Devices, "devices_of_ring": cfg.Names,
		"to": cfg.To, "policy": cfg.Policy, "reclaim_age": NeverReclaim,
		"timeout":      cmp.Or(cfg.Timeout, time.Minute).Seconds(),
		"conn_timeout": cmp.Or(cfg.ConnTimeout, 5*time.Second).Seconds(),
	}, &report)
	return report.Errors, err
}
