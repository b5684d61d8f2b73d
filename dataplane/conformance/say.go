package conformance

import (
	"strconv"
	"strings"
)

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
