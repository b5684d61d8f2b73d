package conformance

import (
	"errors"
	"fmt"
	"slices"
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
	if err == nil {
		p.at, err = p.script.check()
	}
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
	return nil
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

// check looks at what only the whole tells; at is the line that is wrong.
func (s *Script) check() (at int, err error) {
	if seat := s.Seat(); seat != Receiver && seat != Sender {
		return 1, fmt.Errorf("%.32q: a script lies in a folder %s or %s", s.Name, Receiver, Sender)
	}
	w := newWorld(s.Name)
	walk(s.Steps, func(step *Step) {
		if err == nil {
			at, err = step.At, s.checkStep(w, step)
		}
	})
	return at, err
}

func (s *Script) checkStep(w *world, step *Step) error {
	sender := s.Seat() == Sender
	switch {
	case !sender && slices.Contains([]Kind{Outcome, NoSession, Meanwhile}, step.Kind):
		return errors.New("only a sender's script can say so")
	case sender && step.Other:
		return errors.New("the sender chooses the partition")
	case sender && step.Session != 0:
		return errors.New("a sender's sessions come one after the other")
	case step.Kind == Then && step.Fact.Kind == IsDamaged:
		return errors.New("what is damaged can only be made so")
	case step.Fact != nil && step.Kind != Then && (step.Fact.Kind == IsQuarantined || step.Fact.Kind == HasFiles):
		return errors.New("this can only be asked for")
	}
	return w.try(step)
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
