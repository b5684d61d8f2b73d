package ssync

import (
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store"
)

// readOn lets the disk go on where a body ends that a ring reads: while the last of it
// is sent, the file that comes behind it is opened, and its first blocks are read into
// buffers that nobody else needs. The turns remain what they are: an object is opened
// and checked at its own, and what was begun counts if it is still the same file.
//
//	turn i   open ─ head ─ body ══════════════ nothing more to read ═▶│
//	turn i+1                                   └▶ open ─ first blocks  │ open ─ head ─ body ══
//
// Who waits for what was begun waits for the disk alone, as a turn does. It is sent at
// its turn, or given up by the next one, or at the end of them all.
type readOn struct {
	t         *transmission
	now, next *ahead // of the turn, and of one to come; nil: nothing
	at        int    // the entry whose turn it is
}

// ahead is a body that was begun before its turn.
type ahead struct {
	entry  int
	opened chan struct{} // closed when it is known whether the rest is there
	file   *store.AheadBody
	body   *engine.Begun
}

// turn is told that entry i is about to be sent.
func (r *readOn) turn(i int) {
	r.now.close()
	r.now, r.at = nil, i
	if r.next != nil && r.next.entry <= i {
		r.now, r.next = r.next, nil
	}
}

// bodyOf is what the body of o, whose turn it is, is sent from, followed by another one.
func (r *readOn) bodyOf(o *store.Object) engine.Source {
	r.prepare()
	if r.now == nil {
		return o
	}
	if <-r.now.opened; r.now.body != nil && r.now.file.Is(o) {
		return r.now.body
	}
	r.now.close()
	r.now = nil
	return o
}

// prepare lets the body that is wanted next begin when the one that is about to be sent
// has nothing more to be read. One that was begun already is left to its turn: between,
// REPLICATION sends bodies to who wants the metadata alone.
func (r *readOn) prepare() {
	if r.next != nil {
		return
	}
	entries := r.t.result.offers.entries
	i := r.at + 1
	for i < len(entries) && entries[i].want&wantData == 0 {
		i++
	}
	if i < len(entries) {
		file := r.t.job.Partition.Ahead(entries[i].hash, r.t.result.offers.times(&entries[i]).Data, 0)
		r.t.out.OnTail(func() { r.begin(i, file) })
	}
}

// begin opens a file, on a goroutine that close waits for, and begins its body.
func (r *readOn) begin(entry int, file *store.Ahead) {
	a := &ahead{entry: entry, opened: make(chan struct{})}
	r.next = a
	go func() {
		defer close(a.opened)
		f, err := file.Open()
		if err != nil {
			return // and will be told at its turn
		}
		if a.body = r.t.out.Begin(f, f.Size); a.body == nil {
			f.Close()
			return
		}
		a.file = f
	}()
}

// close gives up what was not sent.
func (a *ahead) close() {
	if a == nil {
		return
	}
	if <-a.opened; a.body != nil {
		a.body.Abandon()
		a.file.Close()
		a.body = nil
	}
}

// close is for the end of all turns, however they end.
func (r *readOn) close() {
	r.now.close()
	r.next.close()
	r.now, r.next = nil, nil
}
