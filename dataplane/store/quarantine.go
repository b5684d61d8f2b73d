package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// breaker stops quarantining on a device that has too much of it: then not the
// objects are wrong, but what they are held against.
type breaker struct {
	since time.Time
	count int
}

// errBreaker is why an object stays where it is.
var errBreaker = errors.New("too many quarantines on this device within a minute: is the hash prefix and suffix of swift.conf right?")

// quarantine moves a hash directory out of the way, its suffix invalidated
// first, and returns what it did as a *QuarantinedError. Source: diskfile.py,
// quarantine_renamer.
func (p *Partition) quarantine(h proto.Hash, reason string) error {
	q := &QuarantinedError{Path: p.absolute(p.hashDir(h)), Reason: reason}
	q.Moved, q.Err = p.moveAway(h)
	kind := NoticeQuarantined
	if q.Err != nil {
		kind = NoticeNotQuarantined
	}
	p.store().cfg.Notice(Notice{Kind: kind, Device: p.device.name, Partition: p, Text: q.Error()})
	return q
}

func (p *Partition) moveAway(h proto.Hash) (string, error) {
	if !p.store().mayQuarantine(p.device.name) {
		return "", errBreaker
	}
	if err := p.Invalidate(context.Background(), h.Suffix()); err != nil {
		return "", fmt.Errorf("suffix not invalidated: %w", err)
	}
	if _, err := p.root().makeDirs("quarantined", p.quarantineDir()); err != nil {
		return "", err
	}
	to, err := p.moveTo(p.hashDir(h), h.String())
	if err != nil && p.unlistable(h) {
		to, err = p.moveTo(p.suffixDir(h.Suffix()), h.Suffix().String())
	}
	return to, err
}

// moveTo moves a directory into the quarantine, under a name of its own where
// there is one of that name.
func (p *Partition) moveTo(dir, name string) (string, error) {
	to := p.quarantineDir() + "/" + name
	err := p.root().rename(dir, to)
	if errors.Is(err, unix.EEXIST) || errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.ENOTDIR) {
		to += "-" + randomHex(16)
		err = p.root().rename(dir, to)
	}
	return p.absolute(to), err
}

// unlistable tells a directory that the file system itself calls damaged. Where
// such a one can't be moved, its suffix goes as a whole: else nothing could ever
// be stored there again. Source: diskfile.py, get_diskfile_from_hash.
func (p *Partition) unlistable(h proto.Hash) bool {
	_, err := p.root().readDir(p.hashDir(h))
	return errors.Is(err, unix.ENODATA) || errors.Is(err, unix.EUCLEAN)
}

func (s *Store) mayQuarantine(device string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.breakers[device]
	now := s.cfg.Now()
	if b == nil || now.Sub(b.since) > time.Minute {
		b = &breaker{since: now}
		s.breakers[device] = b
	}
	b.count++
	return b.count <= s.cfg.QuarantinesPerMin
}

// Quarantine puts an object away that its reader found to be damaged.
func (o *Object) Quarantine(reason string) error { return o.partition.quarantine(o.Hash, reason) }

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails, by its contract
	return hex.EncodeToString(b)
}
