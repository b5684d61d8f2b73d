package conformance

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// step reads one step, and what belongs to it.
func (p *parser) step(indent int) (s Step, err error) {
	text, _ := p.take(indent)
	s = Step{At: p.at}
	if rest, second := strings.CutPrefix(text, "2: "); second {
		s.Session, text = 1, rest
	}
	word, rest, _ := strings.Cut(text, " ")
	switch {
	case word == "given" || word == "then" && !strings.HasPrefix(rest, "sender ") || word == "meanwhile":
		s.Kind = map[string]Kind{"given": Given, "then": Then, "meanwhile": Meanwhile}[word]
		s.Fact, err = parseFact(rest)
	case word == "then":
		s.Kind, s.Text = Outcome, strings.TrimPrefix(rest, "sender ")
		if s.Text != succeeds && s.Text != fails {
			err = fmt.Errorf("a sender %s or %s", succeeds, fails)
		}
	case word == "open":
		s.Kind = Open
		if s.Other = rest == "other"; rest != "" && !s.Other {
			err = errors.New("open takes nothing, or other")
		}
	case text == "no session":
		s.Kind = NoSession
	case word == "either":
		err = p.choice(&s, indent, rest)
	case word == "repeat":
		s.Kind = Repeat
		if s.Times, err = parseTimes(rest, maxRepeat); err == nil {
			s.Steps, err = p.inner(indent)
		}
	case word == "sender" || word == "receiver":
		err = endStep(&s, word, rest)
	default:
		err = p.said(&s, indent, text)
	}
	return s, err
}

func endStep(s *Step, who, what string) error {
	if who == "receiver" {
		s.From = FromReceiver
	}
	kinds := map[string]Kind{"ends": Ends, "hangs up": HangsUp, "half-closes": HalfCloses, "resets": Resets, "leaves": Leaves}
	kind, ok := kinds[what]
	if !ok {
		return fmt.Errorf("%s does what? ends, hangs up, half-closes, resets or leaves", who)
	}
	s.Kind = kind
	return nil
}

func parseTimes(text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%.16q is no number of 1 to %d", text, most)
	}
	return n, nil
}

// choice reads "either NAME: why" with its block and each "or" after it.
func (p *parser) choice(s *Step, indent int, text string) error {
	s.Kind = Choice
	for {
		name, why, _ := strings.Cut(text, ":")
		o := Option{Name: strings.TrimSpace(name), Why: strings.TrimSpace(why)}
		if o.Name == "" || o.Why == "" {
			return errors.New("who does it, and why? either NAME: why")
		}
		var err error
		if o.Steps, err = p.inner(indent); err != nil {
			return err
		}
		s.Options = append(s.Options, o)
		rest, more := strings.CutPrefix(p.peek(indent), "or ")
		if !more {
			break
		}
		p.take(indent)
		text = rest
	}
	if len(s.Options) < 2 {
		return errors.New("either without or")
	}
	return nil
}

func (p *parser) inner(indent int) ([]Step, error) {
	steps, err := p.block(indent + 1)
	if err == nil && len(steps) == 0 {
		err = errors.New("nothing is indented below it")
	}
	return steps, err
}

var headLine = [...]*regexp.Regexp{
	FromSender:   regexp.MustCompile(`^[A-Z]+ \S+ HTTP/1\.\d$`),
	FromReceiver: regexp.MustCompile(`^HTTP/1\.`),
}

// said reads a line that goes over the wire.
func (p *parser) said(s *Step, indent int, text string) error {
	mark, rest, _ := strings.Cut(text, " ")
	switch mark {
	case ">", ">*":
	case "<", "<*":
		s.From = FromReceiver
	case "raw>", "raw<":
		s.Kind = Raw
		if mark == "raw<" {
			s.From = FromReceiver
		}
		return s.bytes(rest)
	default:
		return fmt.Errorf("%.64q is nothing that a script can say", text)
	}
	switch {
	case strings.HasSuffix(mark, "*"):
		s.Kind, s.Lines = AnyOrder, []string{rest}
		for strings.HasPrefix(p.peek(indent), p.prefix(s)+mark+" ") {
			more, _ := p.take(indent)
			_, more, _ = strings.Cut(more, mark+" ")
			s.Lines = append(s.Lines, more)
		}
	case headLine[s.From].MatchString(rest):
		s.Kind, s.Lines = Head, []string{rest}
		return p.headers(s, indent, mark)
	case strings.HasPrefix(rest, `"`):
		s.Kind = Bytes
		return s.bytes(rest)
	default:
		s.Kind, s.Text = Line, rest
	}
	return nil
}

// prefix is what the lines of a step's session begin with.
func (p *parser) prefix(s *Step) string { return [...]string{"", "2: "}[s.Session] }

// headers reads a head up to its blank line.
func (p *parser) headers(s *Step, indent int, mark string) error {
	for {
		text, ok := p.take(indent)
		if !ok {
			return errors.New("a head ends in a blank line")
		}
		text, ours := strings.CutPrefix(text, p.prefix(s)+mark)
		if !ours {
			return errors.New("a head ends in a blank line")
		}
		text = strings.TrimPrefix(text, " ")
		if text == "" {
			return nil
		}
		s.Lines = append(s.Lines, text)
	}
}

// bytes reads a Go string, perhaps times over.
func (s *Step) bytes(text string) error {
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return errors.New("bad quotes")
	}
	s.Times = 1
	if rest := strings.TrimSpace(text[len(quoted):]); rest != "" {
		count, times := strings.CutPrefix(rest, "times ")
		if !times {
			return errors.New(`behind the quotes only "times N" may stand`)
		}
		if s.Times, err = parseTimes(count, maxData); err != nil {
			return err
		}
	}
	s.Data, _ = strconv.Unquote(quoted)
	if len(s.Data) == 0 || len(s.Data)*s.Times > maxData {
		return fmt.Errorf("nothing, or more than %d bytes", maxData)
	}
	return nil
}
