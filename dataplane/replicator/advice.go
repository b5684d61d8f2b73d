package replicator

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ringsync/ringsync/dataplane/ssync"
)

// advise tells of each what it takes to get on, and a command to begin with.
func (r *Replicator) advise(list []Stuck) {
	for i := range list {
		s := &list[i]
		if s.Peer != "" {
			s.Hint, s.Command = r.adviseOfPeer(s)
		} else {
			s.Hint, s.Command = r.adviseOfOurs(s)
		}
	}
}

// adviseOfPeer is for what the other side was the reason of.
func (r *Replicator) adviseOfPeer(s *Stuck) (hint, command string) {
	address, _, _ := strings.Cut(s.Peer, "/")
	ask := func(path string) string { return "curl --max-time 10 " + shell("http://"+address+path) }
	switch s.Reason {
	case string(ssync.ReasonUnmounted), string(ssync.ReasonSuspect):
		return "mount the disk on that node, or take it out of the ring; 'ringsync doctor' there tells whether it is suspect", ask("/recon/unmounted")
	case "unreachable":
		return "nobody answers at the ring's replication address: does the node run, and does a firewall let us through?", ask("/healthcheck")
	case string(ssync.ReasonTimeout):
		return "the node is silent: does that disk hang?", ask("/recon/diskusage")
	case string(ssync.ReasonBusy):
		return "it takes no more sessions: replication_concurrency there, or 'ringsync status' if it is ringsyncd", ask("/recon/replication/object")
	case string(ssync.ReasonLockTimeout):
		return "another session has the partition or the device there; the error names the lock. On that node:", "lslocks -o PID,COMMAND,PATH"
	}
	return "the log of that node says more; to see it happen:", r.pushBy(s, address)
}

// pushBy is one session by hand.
func (r *Replicator) pushBy(s *Stuck, address string) string {
	if s.Partition == nil || s.Policy == nil {
		return "ringsync doctor"
	}
	_, device, _ := strings.Cut(s.Peer, "/")
	return fmt.Sprintf("ringsync push --to %s --devices %s --device %s --remote-device %s --policy %d --partition %d",
		shell(address), shell(r.cfg.Store.Devices()), shell(s.Device), shell(device), *s.Policy, *s.Partition)
}

// adviseOfOurs is for what this node is the reason of.
func (r *Replicator) adviseOfOurs(s *Stuck) (hint, command string) {
	devices := r.cfg.Store.Devices()
	switch s.Reason {
	case "stale":
		return "it would bring deleted objects back: wipe it, or, if it may push what it has, start anew with", "ringsyncd --accept-stale-device " + shell(s.Device)
	case string(ssync.ReasonSuspect):
		return "an fsync failed: once the disk is good, mount it anew, or", "ringsync doctor --clear " + shell(s.Device)
	case string(ssync.ReasonUnmounted):
		return "mount it, or take it out of the ring", "findmnt " + shell(filepath.Join(devices, s.Device))
	case "hangs":
		return "a call to this disk does not come back: the kernel may say why", "dmesg --level=err,warn"
	case WaitRing:
		return "the policy waits until its ring can be used", "ringsync ring --policy " + r.policy(s)
	case string(ssync.ReasonLockTimeout):
		return "another process has its lock: " + r.path(s), "lslocks -o PID,COMMAND,PATH"
	case string(ssync.ReasonNoSpace):
		return "this disk is full", "df -h " + shell(filepath.Join(devices, s.Device))
	}
	if object := hashDir(s.Text, r.path(s)); object != "" {
		return "what can't be read is not offered", "ringsync inspect " + shell(object)
	}
	return "the log says more; what this disk can do:", "ringsync doctor --probe --devices " + shell(devices)
}

// hashDir finds an object's directory of a partition in an error.
func hashDir(text, partition string) string {
	at := strings.Index(text, partition+"/")
	if at < 0 {
		return ""
	}
	const suffix, hash = 3, 32
	path := text[at:min(len(text), at+len(partition)+1+suffix+1+hash)]
	name := filepath.Base(path)
	if len(name) != hash || strings.Trim(name, "0123456789abcdef") != "" {
		return ""
	}
	return path
}

func (r *Replicator) policy(s *Stuck) string {
	if s.Policy == nil {
		return "0"
	}
	return strconv.Itoa(*s.Policy)
}

// path is the partition's directory, or the device's.
func (r *Replicator) path(s *Stuck) string {
	device := filepath.Join(r.cfg.Store.Devices(), s.Device)
	if s.Policy == nil || s.Partition == nil {
		return device
	}
	dir := "objects"
	if policy, known := r.cfg.Store.Cluster().Policy(*s.Policy); known {
		dir = policy.DataDir()
	}
	return filepath.Join(device, dir, strconv.FormatUint(uint64(*s.Partition), 10))
}

// shell is a word as a shell takes it: a ring may have anything for an address.
func shell(word string) string {
	plain := func(c rune) bool {
		return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("/.:-_", c)
	}
	if strings.TrimFunc(word, plain) == "" && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
