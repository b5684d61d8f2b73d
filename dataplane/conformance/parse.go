package conformance

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a script. They are far above what one needs, and keep what a file
// makes the player do finite.
const (
	maxScript = 64 << 10
	maxSteps  = 2000
	maxDepth  = 4
	maxRepeat = 1000
	maxData   = 8 << 20 // bytes of one say
)

// SyntaxError is a script that can't be read.
type SyntaxError struct {
	Script string
	Line   int
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s:%d: %s", e.Script, e.Line, e.Reason) }

// Parse reads a script; doc.go shows one, README.md describes all of it. Errors
// are *SyntaxError.
func Parse(name string, text []byte) (*Script, error) {
	p := &parser{script: &Script{Name: name}}
	err := p.parse(text)
	if err != nil {
		return nil, &SyntaxError{Script: name, Line: p.at, Reason: err.Error()}
	}
	return p.script, nil
}

type parser struct {
	script *Script
	lines  []line
	next   int // of lines
	at     int // number of the line last looked at
	steps  int
}

// line is a line that is neither blank nor a comment.
type line struct {
	at, indent int
	text       string
}

const indentWidth = 4

func (p *parser) parse(text []byte) error {
	if len(text) > maxScript {
		return fmt.Errorf("a script of more than %d bytes", maxScript)
	}
	if err := p.split(string(text)); err != nil {
		return err
	}
	if err := p.head(); err != nil {
		return err
	}
	steps, err := p.block(0)
	if err != nil {
		return err
	}
	if p.next < len(p.lines) {
		p.at = p.lines[p.next].at
		return errors.New("indented deeper than what it belongs to")
	}
	if len(steps) == 0 {
		return errors.New("nothing happens")
	}
	p.script.Steps = steps
	if needsDisk(steps) && p.script.Seat() == Receiver {
		p.script.Needs = append(p.script.Needs, Need{Key: needDisk})
	}
	return p.script.check()
}

// split takes the text apart. The title is the comment at its top.
func (p *parser) split(text string) error {
	var title []string
	titled := false
	for i, raw := range strings.Split(text, "\n") {
		p.at = i + 1
		full := strings.TrimRight(raw, " ")
		trimmed := strings.TrimLeft(full, " ")
		indent := len(full) - len(trimmed)
		comment, isComment := strings.CutPrefix(trimmed, "#")
		switch {
		case isComment && !titled:
			title = append(title, strings.TrimSpace(comment))
			continue
		case isComment:
			continue
		}
		titled = titled || len(title) > 0
		if trimmed == "" {
			continue
		}
		if strings.ContainsAny(full, "\t\r\x00") {
			return errors.New("tabs, CR and NUL are written in a quoted string")
		}
		if indent%indentWidth != 0 || indent > maxDepth*indentWidth {
			return fmt.Errorf("indented by %d: each depth is %d, and there are %d at the most", indent, indentWidth, maxDepth)
		}
		p.lines = append(p.lines, line{p.at, indent / indentWidth, trimmed})
	}
	p.script.Title = strings.TrimSpace(strings.Join(title, " "))
	if p.script.Title == "" {
		return errors.New("a script begins with a comment that says what it shows")
	}
	return nil
}

// head reads what comes before the first step.
func (p *parser) head() error {
	for ; p.next < len(p.lines); p.next++ {
		p.at = p.lines[p.next].at
		word, rest, _ := strings.Cut(p.lines[p.next].text, " ")
		switch text := p.lines[p.next].text; {
		case word == "needs":
			key, value, _ := strings.Cut(strings.TrimSpace(rest), "=")
			if key == "" {
				return errors.New("needs what?")
			}
			p.script.Needs = append(p.script.Needs, Need{key, value})
		case text == "framing byte":
			p.script.Framing = ByByte
		case text == "framing whole":
			p.script.Framing = Whole
		case text == "lines end in LF":
			p.script.LF = true
		case text == "policy erasure coded":
			p.script.Erasure = true
		default:
			return nil
		}
	}
	return nil
}

// block reads the steps of one depth.
func (p *parser) block(indent int) ([]Step, error) {
	var steps []Step
	for p.next < len(p.lines) && p.lines[p.next].indent == indent {
		s, err := p.step(indent)
		if err != nil {
			return nil, err
		}
		if p.steps++; p.steps > maxSteps {
			return nil, fmt.Errorf("more than %d steps", maxSteps)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// take returns the next line of a depth; false where there is none.
func (p *parser) take(indent int) (text string, ok bool) {
	if p.next == len(p.lines) || p.lines[p.next].indent != indent {
		return "", false
	}
	l := p.lines[p.next]
	p.next, p.at = p.next+1, l.at
	return l.text, true
}

// peek is take without taking.
func (p *parser) peek(indent int) string {
	if p.next == len(p.lines) || p.lines[p.next].indent != indent {
		return ""
	}
	return p.lines[p.next].text
}

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
		if s.Kind, s.Times, err = Repeat, 0, nil; err == nil {
			s.Times, err = parseTimes(rest, maxRepeat)
		}
		if err == nil {
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

// check looks at what only the whole tells.
func (s *Script) check() error {
	var err error
	seat := s.Seat()
	if seat != Receiver && seat != Sender {
		return fmt.Errorf("%.32q: a script lies in a folder %s or %s", s.Name, Receiver, Sender)
	}
	w := newWorld(s.Name)
	walk(s.Steps, func(step *Step) {
		if err != nil {
			return
		}
		switch {
		case seat == Receiver && slices.Contains([]Kind{Outcome, NoSession, Meanwhile}, step.Kind):
			err = fmt.Errorf("line %d: only a sender's script can say so", step.At)
		case seat == Sender && step.Kind == Open && step.Other:
			err = fmt.Errorf("line %d: the sender chooses the partition", step.At)
		case seat == Sender && step.Session != 0:
			err = fmt.Errorf("line %d: one session at a time here", step.At)
		default:
			if bad := w.try(step); bad != nil {
				err = fmt.Errorf("line %d: %w", step.At, bad)
			}
		}
	})
	return err
}

// walk calls f for each step and those below it.
func walk(steps []Step, f func(*Step)) {
	for i := range steps {
		f(&steps[i])
		walk(steps[i].Steps, f)
		for _, o := range steps[i].Options {
			walk(o.Steps, f)
		}
	}
}
