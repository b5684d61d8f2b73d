package ssync

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/proto"
)

const (
	// checkBatch offers are compared by one goroutine at a time.
	checkBatch = 128
	// checkAhead batches per goroutine may wait: what is read and not compared
	// yet is bounded, the sender's own speed does the rest.
	checkAhead = 4
	// maxWantedBytes is the ceiling of what a session remembers of its answer.
	// A wanted list is never cut short, since not wanted means held: a session
	// beyond the ceiling ends in an error.
	maxWanted = 64 << 20 / wantedBytes
)

// missingCheck reads what the sender offers, compares it with what is here, and
// answers with what is wanted. Source: ssync_receiver.py, missing_check.
func (s *reception) missingCheck(ctx context.Context) error {
	if err := s.expect(proto.MissingCheckStart, "missing_check start"); err != nil {
		return err
	}
	c := newChecker(ctx, s)
	err := s.readOffers(c)
	done := c.finish()
	said, saying := c.early.halt()
	if err == nil {
		err = saying
	}
	if err == nil {
		err = s.keepAlive(done)
	}
	<-done // also after an error: nobody may use the partition once its locks are gone
	if err != nil {
		return err
	}
	wanted, err := c.result()
	if err != nil {
		return err
	}
	if err := s.answer(wanted, said); err != nil {
		return err
	}
	slices.SortFunc(wanted, func(a, b proto.Wanted) int { return bytes.Compare(a.Hash[:], b.Hash[:]) })
	s.wanted = wanted
	return nil
}

func (s *reception) readOffers(c *checker) error {
	for {
		line, err := s.line("missing_check line")
		if err == io.EOF {
			return nil // Swift takes the end of the stream for the END line
		}
		if err != nil {
			return err
		}
		if proto.IsMarker(line, proto.MissingCheckEnd) {
			return nil
		}
		offer, err := proto.ParseOffer(line)
		if err != nil {
			return fmt.Errorf("object line: %w", err)
		}
		s.report.Offered++
		if err := c.add(offer); err != nil {
			return err
		}
	}
}

// answer says what is wanted, but for the lines that have been said already.
func (s *reception) answer(wanted []proto.Wanted, said int) error {
	s.report.Wanted = len(wanted)
	if err := s.device.Present(); err != nil {
		return err // not wanted means held, and here nothing is any more
	}
	if control.Enabled && control.Is(control.WantedCutShort) && len(wanted) > 0 {
		wanted = wanted[:len(wanted)-1]
	}
	if !s.features.Has(proto.FeatureResults) {
		if err := s.out.Text([]byte(proto.MissingCheckStart + "\r\n")); err != nil {
			return err
		}
	}
	if err := s.say(wanted[min(said, len(wanted)):]); err != nil {
		return err
	}
	return s.send([]byte("\r\n" + proto.MissingCheckEnd + "\r\n"))
}

func (s *reception) say(wanted []proto.Wanted) error {
	for _, w := range wanted {
		if err := s.out.Append(func(dst []byte) []byte { return s.dialect.appendWanted(dst, w) }, 64); err != nil {
			return err
		}
	}
	return nil
}

// isWanted tells whether this session asked for h.
func (s *reception) isWanted(h proto.Hash) bool {
	_, found := slices.BinarySearchFunc(s.wanted, h, func(w proto.Wanted, h proto.Hash) int { return bytes.Compare(w.Hash[:], h[:]) })
	return found
}

// checker compares offers side by side and keeps the answers in the order of the
// offers.
type checker struct {
	s       *reception
	ctx     context.Context
	jobs    chan *batch
	filling *batch
	all     []*batch
	early   *early // says what they find before all have come; nil without results
	workers sync.WaitGroup

	mu    sync.Mutex
	count int
	err   error
}

type batch struct {
	offers   []proto.Offer
	wanted   []proto.Wanted
	compared bool // early's
}

func newChecker(ctx context.Context, s *reception) *checker {
	n := max(2, runtime.GOMAXPROCS(0))
	c := &checker{s: s, ctx: ctx, jobs: make(chan *batch, n*checkAhead), early: s.startEarly()}
	for range n {
		c.workers.Add(1)
		go c.work()
	}
	return c
}

func (c *checker) work() {
	defer c.workers.Done()
	for b := range c.jobs {
		for _, o := range b.offers {
			if w := c.s.dialect.wants(c.s.held(o.Hash), o); w.Data || w.Meta {
				b.wanted = append(b.wanted, w)
			}
			c.s.progress.Add(1)
		}
		b.offers = nil
		c.early.compared(b)
		c.note(len(b.wanted))
	}
}

func (c *checker) note(wanted int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.count += wanted; c.count > maxWanted && c.err == nil {
		c.err = fmt.Errorf("more than %d objects wanted: offer fewer in one session", maxWanted)
	}
}

// failed is checked while offers still come.
func (c *checker) failed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

func (c *checker) add(o proto.Offer) error {
	if c.filling == nil {
		c.filling = &batch{offers: make([]proto.Offer, 0, checkBatch)}
	}
	c.filling.offers = append(c.filling.offers, o)
	if len(c.filling.offers) == checkBatch {
		return c.submit()
	}
	return nil
}

func (c *checker) submit() error {
	if err := c.failed(); err != nil {
		return err
	}
	c.all = append(c.all, c.filling)
	c.early.add(c.filling)
	c.jobs <- c.filling
	c.filling = nil
	return nil
}

// finish starts the end of the check; done is closed when everything is compared.
func (c *checker) finish() (done chan struct{}) {
	if c.filling != nil {
		c.submit() // its error is told by result
	}
	close(c.jobs)
	done = make(chan struct{})
	go func() {
		c.workers.Wait()
		close(done)
	}()
	return done
}

func (c *checker) result() ([]proto.Wanted, error) {
	wanted := make([]proto.Wanted, 0, c.count)
	for _, b := range c.all {
		wanted = append(wanted, b.wanted...)
	}
	return wanted, c.err
}

// held returns the times of what is here and sound, nil where that is nothing.
// Whatever stands in the way of finding out makes an object wanted: the peer may
// delete his copy if it is not.
func (s *reception) held(h proto.Hash) *local {
	o, err := s.partition.Held(h)
	if err != nil {
		s.log.Debug("asking for an object that could not be opened", "hash", h.String(), "error", err)
		return nil
	}
	if o == nil {
		return nil
	}
	defer o.Close()
	here := &local{Times: o.Times, tombstone: o.Tombstone}
	if s.features.Has(proto.FeatureNone) {
		return here // what is not proven to him anyway
	}
	if here.unchecked, err = o.Unchecked(); err != nil {
		s.log.Debug("asking for an object of which it could not be found out whether it was checked", "hash", h.String(), "error", err)
		return nil
	}
	return here
}

// local is what is here of an offered object.
type local struct {
	store.Times
	tombstone bool
	unchecked bool // its body was held against nothing, and who checks may not take it for held
}
