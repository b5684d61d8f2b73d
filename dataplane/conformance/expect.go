package conformance

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// head says a head, or expects one. A request makes a new session.
func (p *player) head(ctx context.Context, s *Step) error {
	t := p.sessions[s.Session]
	if s.From == FromSender {
		var err error
		if t, err = p.seat.open(ctx, p, s, false); err != nil {
			return err
		}
		p.take(s, t)
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
