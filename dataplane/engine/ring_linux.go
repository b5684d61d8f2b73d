package engine

import "github.com/ringsync/ringsync/dataplane/uring"

// lanes are rings with their threads.
type lanes = uring.Lanes

func newLanes(cfg Config) (*lanes, error) {
	return uring.NewLanes(cfg.Pool, uring.LanesConfig{Count: cfg.Lanes})
}

// ringless tells an error that means no rings, and nothing else.
func ringless(err error) bool { return uring.Unavailable(err) }

// probeUring finds out whether rings can be had, and says so in a sentence. An
// error is one that has nothing to do with io_uring, such as too many open files.
func probeUring() (works bool, why string, err error) {
	p := uring.Probe()
	if p.Err != nil && !uring.Unavailable(p.Err) {
		return false, "", p.Err
	}
	for _, op := range []string{"read_fixed", "write_fixed", "recv", "recvmsg", "sendmsg", "poll", "cancel"} {
		if p.Err == nil && !p.Operations[op] {
			return false, "the kernel's io_uring lacks " + op, nil
		}
	}
	return p.Err == nil, p.String(), nil
}
