package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
		return p.openUsual(ctx, s)
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

// openUsual opens a session by the heads that every session has.
func (p *player) openUsual(ctx context.Context, s *Step) error {
	t, err := p.seat.open(ctx, p, s, true)
	if err != nil {
		return err
	}
	p.sessions[s.Session] = t
	p.acts++
	return nil
}

// head says a head, or expects one. A request makes a new session.
func (p *player) head(ctx context.Context, s *Step) error {
	t := p.sessions[s.Session]
	if s.From == FromSender {
		var err error
		if t, err = p.seat.open(ctx, p, s, false); err != nil {
			return err
		}
		p.sessions[s.Session] = t
		p.acts++
	}
	switch {
	case t == nil:
		return fmt.Errorf("line %d: there is no session yet", s.At)
	case p.ours(s):
		return p.sayHead(t, s)
	}
	first, get, err := t.hear(p.seat.judged())
	if err != nil {
		return &Mismatch{s.At, s.Lines[0], err.Error()}
	}
	for i, text := range s.Lines {
		want, err := p.world.expand(text)
		if err != nil {
			return err
		}
		if i == 0 && !matches(want, first) || i > 0 && !matchesHeader(want, get) {
			return &Mismatch{s.At + i, text, p.world.plain(fmt.Sprintf("%s, %s", first, valueOf(want, get)))}
		}
	}
	return nil
}

func valueOf(header string, get func(string) (string, bool)) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(header, "!"), ":")
	value, there := get(name)
	if !there {
		return "without " + name
	}
	return fmt.Sprintf("%s: %.100s", name, value)
}

func (p *player) sayHead(t *session, s *Step) error {
	p.acts++
	p.world.words["length"] = strconv.Itoa(p.length(s.Session))
	var head strings.Builder
	for i, text := range s.Lines {
		text, err := p.world.expand(text)
		if err != nil {
			return err
		}
		if name, value, _ := strings.Cut(text, ":"); i > 0 && strings.EqualFold(name, "Transfer-Encoding") && strings.TrimSpace(value) == "chunked" {
			t.chunked = true
		}
		head.WriteString(text + t.eol)
	}
	t.write([]byte(head.String() + t.eol))
	return nil
}

// length is how many bytes we say in a session, for {length}: it is only told of
// scripts that say them all outside of alternatives.
func (p *player) length(session int) int {
	sum := 0
	for _, s := range p.script.Steps {
		if s.Session != session || !p.ours(&s) {
			continue
		}
		switch s.Kind {
		case Line:
			text, _ := p.world.expand(s.Text)
			sum += len(text) + len("\r\n")
			if p.script.LF {
				sum--
			}
		case Bytes:
			text, _ := p.world.expand(s.Data)
			sum += len(text) * s.Times
		}
	}
	return sum
}

// act does something on the wire.
func (p *player) act(t *session, s *Step) error {
	texts := s.Lines
	switch s.Kind {
	case Line:
		texts = []string{s.Text}
	case Bytes, Raw:
		data, err := p.world.expand(s.Data)
		if err != nil {
			return err
		}
		data = strings.Repeat(data, s.Times)
		if s.Kind == Raw {
			t.write([]byte(data))
		} else {
			t.say([]byte(data))
		}
	case Ends:
		t.last()
	case HangsUp, Leaves:
		t.conn.Close()
	case HalfCloses:
		t.halfClose()
	case Resets:
		t.reset()
	}
	for _, text := range texts {
		text, err := p.world.expand(text)
		if err != nil {
			return err
		}
		t.line(text)
	}
	return nil
}

// expect waits for something on the wire.
func (p *player) expect(t *session, s *Step) error {
	switch s.Kind {
	case Line:
		return p.expectLine(t, s)
	case AnyOrder:
		return p.expectLines(t, s)
	case Bytes:
		return p.expectBytes(t, s)
	case Leaves:
		for t.in.fill() {
		}
		if t.in.end == silent {
			return &Mismatch{s.At, "the " + s.From.String() + " to leave", t.in.said()}
		}
		t.in.at = len(t.in.body)
		return nil
	case Ends, HangsUp, HalfCloses, Resets:
		return p.expectEnd(t, s)
	}
	return fmt.Errorf("line %d: raw bytes can only be said", s.At)
}

// nextLine is the next line that says something. Blank lines of a receiver are
// his way to keep a session alive, and may come anywhere.
func (p *player) nextLine(t *session, blank bool) (string, bool) {
	for {
		text, ok := t.in.line()
		if !ok || blank || p.seat.judged() == Sender || !isBlank(text) {
			return text, ok
		}
	}
}

func (p *player) expectLine(t *session, s *Step) error {
	want, err := p.world.expand(s.Text)
	if err != nil {
		return err
	}
	before := t.in.at
	got, ok := p.nextLine(t, s.Text == "")
	if !ok {
		return &Mismatch{s.At, quote(s.Text), p.world.plain(t.in.said())}
	}
	if !matches(want, got) && !(want == "" && p.seat.judged() == Receiver && isBlank(got)) {
		t.in.at = before
		return &Mismatch{s.At, quote(s.Text), quote(p.world.plain(got))}
	}
	return nil
}

func quote(text string) string { return fmt.Sprintf("%.300q", text) }

func (p *player) expectLines(t *session, s *Step) error {
	left := slices.Clone(s.Lines)
	for len(left) > 0 {
		got, ok := p.nextLine(t, false)
		if !ok {
			return &Mismatch{s.At, quote(left[0]), p.world.plain(t.in.said())}
		}
		i := slices.IndexFunc(left, func(pattern string) bool {
			want, err := p.world.expand(pattern)
			return err == nil && matches(want, got)
		})
		if i < 0 {
			return &Mismatch{s.At, fmt.Sprintf("one of %.300q", left), quote(p.world.plain(got))}
		}
		left = slices.Delete(left, i, i+1)
	}
	return nil
}

func (p *player) expectBytes(t *session, s *Step) error {
	data, err := p.world.expand(s.Data)
	if err != nil {
		return err
	}
	data = strings.Repeat(data, s.Times)
	got, ok := t.in.bytes(len(data))
	if !ok {
		return &Mismatch{s.At, fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("%d, and %v", len(t.in.body)-t.in.at, endWords[t.in.end])}
	}
	if string(got) != data {
		return &Mismatch{s.At, fmt.Sprintf("%.100q", data), fmt.Sprintf("%.100q", got)}
	}
	return nil
}

var endWords = [...]string{open: "more to come", ended: "the end", hungUp: "a hang-up", broken: "what is no chunk", silent: "silence"}

func (p *player) expectEnd(t *session, s *Step) error {
	if t.heard == nil {
		if first, _, err := t.hear(p.seat.judged()); err == nil || t.in.end != hungUp {
			return &Mismatch{s.At, endWords[hungUp], p.world.plain(first + t.in.said())}
		}
		return nil
	}
	want := hungUp
	if s.Kind == Ends {
		want = ended
	}
	got, clean := t.in.over(s.From == FromReceiver)
	if got == ended && !t.in.chunked {
		got = want // without chunks the two look the same
	}
	if got != want || !clean {
		return &Mismatch{s.At, endWords[want], p.world.plain(t.in.said())}
	}
	t.in.at = len(t.in.body)
	return nil
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

// close lets go of the connections.
func (p *player) close() {
	for i, t := range p.sessions {
		if t != nil {
			t.conn.Close()
			p.sessions[i] = nil
		}
	}
}

// heard is what the judged said over the wire, in the script's words: its last
// lines, for a report.
func (p *player) heard() []string {
	const lines, width = 12, 160
	var all []string
	for _, t := range p.sessions {
		if t == nil {
			continue
		}
		for text := range strings.SplitSeq(strings.TrimRight(string(t.in.body), "\r\n"), "\n") {
			if text = strings.TrimSuffix(text, "\r"); !isBlank(text) {
				all = append(all, p.world.plain(printable(text, width)))
			}
		}
	}
	return all[max(0, len(all)-lines):]
}

// printable shows a line of foreign bytes, cut to a width.
func printable(text string, width int) string {
	quoted := strconv.QuoteToASCII(text[:min(len(text), width)])
	text = strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
	return text
}
