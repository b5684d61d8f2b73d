package conformance_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/conformance"
)

// Whatever a file holds, reading it ends, with a script that is bounded or with an
// error that names a line of it; and a comment behind its title, on a line of its
// own, changes nothing but the numbers of the lines.
func FuzzParse(f *testing.F) {
	for _, seat := range []conformance.Seat{conformance.Receiver, conformance.Sender} {
		scripts, err := conformance.Scripts(seat, "*")
		if err != nil {
			f.Fatal(err)
		}
		for i, s := range scripts {
			if text, err := conformance.Text(s.Name); err == nil && i%8 == 0 {
				f.Add(s.Name, text)
			}
		}
	}
	f.Add("sender/x", "# x\neither a: b\n    repeat 9\n        2: > \"\\x00\" times 9\nor c: d\n    open\n")
	f.Fuzz(func(t *testing.T, name, text string) {
		s, err := conformance.Parse(name, []byte(text))
		if err != nil {
			var syntax *conformance.SyntaxError
			if !errors.As(err, &syntax) || syntax.Line < 0 || syntax.Line > strings.Count(text, "\n")+2 {
				t.Fatalf("%#v", err)
			}
			return
		}
		if n := weigh(s.Steps); n > 4000 {
			t.Fatalf("%d steps", n)
		}
		if len(text) > 16<<10 {
			return // with comments it might be too large
		}
		again, err := conformance.Parse(name, []byte(commented(text)))
		if err != nil {
			t.Fatal(err)
		}
		for _, script := range []*conformance.Script{s, again} {
			forgetLines(script.Steps)
		}
		if !reflect.DeepEqual(s, again) {
			t.Fatal("a comment makes a difference")
		}
	})
}

// commented puts a comment behind each line that is not of the title.
func commented(text string) string {
	var b strings.Builder
	comments, titled := 0, false
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(line + "\n")
		if strings.HasPrefix(strings.TrimLeft(line, " "), "#") {
			comments++
		} else if titled = titled || comments > 0; titled {
			b.WriteString("    # a comment\n")
		}
	}
	return b.String()
}

func weigh(steps []conformance.Step) int {
	n := len(steps)
	for _, s := range steps {
		n += weigh(s.Steps) + len(s.Lines)
		for _, o := range s.Options {
			n += 1 + weigh(o.Steps)
		}
	}
	return n
}

func forgetLines(steps []conformance.Step) {
	for i := range steps {
		steps[i].At = 0
		forgetLines(steps[i].Steps)
		for _, o := range steps[i].Options {
			forgetLines(o.Steps)
		}
	}
}
