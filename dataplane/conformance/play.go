package conformance

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Mismatch is where a dialogue went another way.
type Mismatch struct {
	Line      int // of the script
	Want, Got string
}

func (m *Mismatch) Error() string {
	return fmt.Sprintf("line %d: wanted %s, got %s", m.Line, m.Want, m.Got)
}

// player goes through a script from the seat opposite the judged.
type player struct {
	script   *Script
	world    *world
	patience time.Duration
	seat     seat

	sessions [2]*session
	all      []*session // also those that another one has replaced
	chosen   []Chosen
	acts     int // what can't be taken back: an alternative is decided by it
}

// seat is what the two sides of a script do differently.
type seat interface {
	judged() Seat
	// open makes a session, up to its first blank line if usual.
	open(ctx context.Context, p *player, s *Step, usual bool) (*session, error)
	given(ctx context.Context, p *player, f *Fact) error
	then(ctx context.Context, p *player, f *Fact) (want, got string, err error)
	outcome(ctx context.Context) (string, error)
	noSession(ctx context.Context) (got string, ok bool)
}

// Chosen is an alternative that the judged took, though it was not the first.
type Chosen struct {
	As  string `json:"as"`
	Why string `json:"why"`
}

func (p *player) play(ctx context.Context, steps []Step) error {
	for i := range steps {
		s := &steps[i]
		if t := p.sessions[s.Session]; t != nil && !(p.ours(s) && (s.Kind == Line || s.Kind == Bytes || s.Kind == AnyOrder)) {
			t.flush()
		}
		if err := p.step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// ours tells whether a step is something that we do.
func (p *player) ours(s *Step) bool {
	return (s.From == FromSender) == (p.seat.judged() == Receiver)
}

func (p *player) step(ctx context.Context, s *Step) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	switch s.Kind {
	case Given, Meanwhile:
		p.acts++
		if err := p.seat.given(ctx, p, s.Fact); err != nil {
			return fmt.Errorf("line %d: %s could not be made so: %w", s.At, s.Fact, err)
		}
		return nil
	case Then:
		want, got, err := p.seat.then(ctx, p, s.Fact)
		return p.differ(s, want, got, err)
	case Outcome:
		got, err := p.seat.outcome(ctx)
		return p.differ(s, "a sender that "+s.Text, "a sender that "+got, err)
	case NoSession:
		if got, ok := p.seat.noSession(ctx); !ok {
			return &Mismatch{s.At, "no session", got}
		}
		return nil
	case Choice:
		return p.choose(ctx, s)
	case Repeat:
		for i := range s.Times {
			p.world.words["n"] = strconv.Itoa(i + 1)
			if err := p.play(ctx, s.Steps); err != nil {
				return err
			}
		}
		return nil
	case Open:
		t, err := p.seat.open(ctx, p, s, true)
		if err == nil {
			p.take(s, t)
		}
		return err
	case Head:
		return p.head(ctx, s)
	}
	t := p.sessions[s.Session]
	if t == nil {
		return fmt.Errorf("line %d: there is no session yet", s.At)
	}
	if p.ours(s) {
		p.acts++
		return p.act(t, s)
	}
	return p.expect(t, s)
}

// differ makes a mismatch of two words that are not the same.
func (p *player) differ(s *Step, want, got string, err error) error {
	if err == nil && want != got {
		err = &Mismatch{s.At, p.world.plain(want), p.world.plain(got)}
	}
	return err
}

// take makes t the session of a step.
func (p *player) take(s *Step, t *session) {
	p.sessions[s.Session] = t
	p.all = append(p.all, t)
	p.acts++
}

// choose tries the alternatives in turn. The first thing that we do in one of
// them decides for it.
func (p *player) choose(ctx context.Context, s *Step) error {
	var all Mismatch
	for i, o := range s.Options {
		acts, chosen := p.acts, len(p.chosen)
		var at [2]int
		for n, t := range p.sessions {
			if t != nil {
				at[n] = t.in.at
			}
		}
		if i > 0 {
			p.chosen = append(p.chosen, Chosen{o.Name, o.Why})
		}
		err := p.play(ctx, o.Steps)
		var m *Mismatch
		if err == nil || !errors.As(err, &m) || p.acts != acts {
			return err
		}
		p.chosen = p.chosen[:chosen]
		for n, t := range p.sessions {
			if t != nil {
				t.in.at = at[n]
			}
		}
		if i > 0 {
			all.Want += ", or as " + o.Name + " "
		}
		all.Want += m.Want
		all.Line, all.Got = m.Line, m.Got
	}
	return &all
}
