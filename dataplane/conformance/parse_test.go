package conformance_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/conformance"
)

// A script is what it says, step by step.
func TestParse(t *testing.T) {
	const text = `# What it shows,
# in two lines.

needs client_timeout
needs replication_concurrency=1
framing byte
lines end in LF

given /a/c/o data @1 "a\r\nb" Content-Type=text/plain X-Object-Meta-A="b c"
# a comment in between
> SSYNC /{device}/{partition} HTTP/1.1
> Host: {host}
>
< HTTP/1.1 200 …
<
> :MISSING_CHECK: START
> "x" times 3
raw> "zz\r\n"
<* {/a/c/o} dm
<* {/a/c/p} m
either the one: since it can
    < yes
    receiver ends
or the other: since it must
    receiver hangs up
repeat 2
    2: > PUT /a/c/{n}
then "/a/c/o 2" nothing
`
	s, err := conformance.Parse("receiver/x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if s.Title != "What it shows, in two lines." || !s.LF || s.Framing != conformance.ByByte || s.Seat() != conformance.Receiver || s.Is2013() {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff([]conformance.Need{{Key: "client_timeout"}, {Key: "replication_concurrency", Value: "1"}}, s.Needs); diff != "" {
		t.Error(diff)
	}
	var kinds []conformance.Kind
	for _, step := range s.Steps {
		kinds = append(kinds, step.Kind)
	}
	want := []conformance.Kind{
		conformance.Given, conformance.Head, conformance.Head, conformance.Line, conformance.Bytes, conformance.Raw,
		conformance.AnyOrder, conformance.Choice, conformance.Repeat, conformance.Then,
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Fatal(diff)
	}
	given, choice, repeat := s.Steps[0].Fact, s.Steps[7], s.Steps[8]
	if value, _ := given.Fields.Get("X-Object-Meta-A"); given.Body != "a\r\nb" || value != "b c" || given.Time != "@1" {
		t.Errorf("%+v", given)
	}
	if len(choice.Options) != 2 || choice.Options[1].Name != "the other" || choice.Options[1].Why != "since it must" || len(choice.Options[0].Steps) != 2 {
		t.Errorf("%+v", choice)
	}
	if repeat.Times != 2 || repeat.Steps[0].Session != 1 || repeat.Steps[0].Text != "PUT /a/c/{n}" {
		t.Errorf("%+v", repeat)
	}
	if s.Steps[6].Lines[1] != "{/a/c/p} m" || s.Steps[9].Fact.Name != "/a/c/o 2" {
		t.Errorf("%+v %+v", s.Steps[6], s.Steps[9].Fact)
	}
}

// What can't be meant is refused, with the line where it stands.
func TestParseRefuses(t *testing.T) {
	for _, test := range []struct {
		name, script, text string
		line               int
		want               string
	}{
		{"no title", "receiver/x", "open\n", 2, "begins with a comment"},
		{"nothing", "receiver/x", "# x\n", 2, "nothing happens"},
		{"no folder", "x", "# x\nopen\n", 1, "lies in a folder"},
		{"a word of its own", "receiver/x", "# x\nhello\n", 2, "nothing that a script can say"},
		{"a tab", "receiver/x", "# x\n>\thello\n", 2, "tabs"},
		{"an odd indent", "receiver/x", "# x\n  open\n", 2, "indented by 2"},
		{"an indent of nothing", "receiver/x", "# x\nopen\n    open\n", 3, "indented deeper"},
		{"a brace", "receiver/x", "# x\n> {/a/c/o\n", 2, "without its other half"},
		{"an unknown word", "receiver/x", "# x\n> {devise}\n", 2, "stands for nothing"},
		{"either alone", "receiver/x", "# x\neither a: b\n    open\n", 3, "either without or"},
		{"either without why", "receiver/x", "# x\neither a\n    open\n", 2, "and why"},
		{"an empty option", "receiver/x", "# x\neither a: b\nor c: d\n    open\n", 2, "nothing is indented"},
		{"a head without end", "receiver/x", "# x\n> GET / HTTP/1.1\n< HTTP/1.1 200 OK\n", 3, "ends in a blank line"},
		{"repeat of letters", "receiver/x", "# x\nrepeat often\n    open\n", 2, "is no number"},
		{"repeat without end", "receiver/x", "# x\nrepeat 1000000\n    open\n", 2, "is no number"},
		{"too much", "receiver/x", "# x\n> \"0123456789\" times 1000000\n", 2, "more than"},
		{"quotes", "receiver/x", "# x\n> \"hello\n", 2, "bad quotes"},
		{"a fact without a name", "receiver/x", "# x\ngiven data @1\n", 2, "needs a name"},
		{"a fact of its own", "receiver/x", "# x\ngiven /a/c/o round\n", 2, "is no fact"},
		{"data without a time", "receiver/x", "# x\ngiven /a/c/o data \"x\"\n", 2, "needs a time"},
		{"a time of letters", "receiver/x", "# x\ngiven /a/c/o data @now\n", 2, "timestamp"},
		{"a field without a value", "receiver/x", "# x\ngiven /a/c/o data @1 \"x\" Color\n", 2, "no Key=Value"},
		{"damaged somehow", "receiver/x", "# x\ngiven /a/c/o damaged badly\n", 2, "damaged how"},
		{"damaged to be asked", "receiver/x", "# x\nthen /a/c/o damaged short\n", 2, "can only be made so"},
		{"quarantined to be made", "receiver/x", "# x\ngiven /a/c/o quarantined\n", 2, "can only be asked for"},
		{"a sender's outcome", "receiver/x", "# x\nthen sender succeeds\n", 2, "only a sender's script"},
		{"a sender's second session", "sender/x", "# x\n2: open\n", 2, "one after the other"},
		{"a sender's partition", "sender/x", "# x\nopen other\n", 2, "chooses the partition"},
		{"a sender who sings", "sender/x", "# x\nsender sings\n", 2, "does what"},
		{"a large file", "receiver/x", "# x\n" + strings.Repeat("open\n", 20_000), 0, "more than"},
		{"many steps", "receiver/x", "# x\n" + strings.Repeat("open\n", 3_000), 2002, "more than 2000 steps"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := conformance.Parse(test.script, []byte(test.text))
			var syntax *conformance.SyntaxError
			if !errors.As(err, &syntax) || syntax.Line != test.line || !strings.Contains(syntax.Reason, test.want) {
				t.Errorf("%v, want line %d and %q", err, test.line, test.want)
			}
		})
	}
}

// Every script that is built in can be read, shows something that no other does,
// and has a title.
func TestScripts(t *testing.T) {
	count, titles := map[conformance.Seat]int{}, map[string]string{}
	for _, seat := range []conformance.Seat{conformance.Receiver, conformance.Sender} {
		scripts, err := conformance.Scripts(seat, "*")
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range scripts {
			if before, twice := titles[string(seat)+s.Title]; twice && !s.Is2013() {
				t.Errorf("%s and %s have one title: %s", before, s.Name, s.Title)
			}
			titles[string(seat)+s.Title] = s.Name
			count[s.Seat()]++
		}
	}
	if count[conformance.Receiver] < 250 || count[conformance.Sender] < 120 {
		t.Errorf("%v", count)
	}
	for pattern, want := range map[string]int{"put-large": 1, "receiver/put-large": 1, "receiver-2013/put": 1, "sender/*": 0, "nothing": 0} {
		if scripts, err := conformance.Scripts(conformance.Receiver, pattern); err != nil || len(scripts) != want {
			t.Errorf("%s: %d scripts, %v, want %d", pattern, len(scripts), err, want)
		}
	}
	if _, err := conformance.Scripts(conformance.Receiver, "["); err == nil {
		t.Error("a pattern that is none")
	}
}
