package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/conformance"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func secretHash(name string) proto.Hash {
	return hashes.Secret{Prefix: "pre", Suffix: "suf"}.Hash(name)
}

// patience is what a busy machine may need, brief what a test waits for in vain.
const (
	patience = 20 * time.Second
	brief    = time.Second
)

// judge plays a script of the test to a toy.
func judge(t *testing.T, r *toy, text string) conformance.Result {
	t.Helper()
	s, err := conformance.Parse("receiver/test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	r.name = secretHash
	cfg := conformance.ReceiverConfig{Addr: r.serve(t), Device: "d1", Cluster: storetest.Cluster(t), Patience: patience}
	if r.silent || r.late {
		cfg.Patience = brief
	}
	return conformance.Receive(t.Context(), cfg, s)
}

const session = `# A whole session.
given /a/c/older data @1 "old"
open
> :MISSING_CHECK: START
> {/a/c/o} @5
> {/a/c/older} @1
> :MISSING_CHECK: END
< :MISSING_CHECK: START
< {/a/c/o} dm
< :MISSING_CHECK: END
> :UPDATES: START
> PUT /a/c/o
> Content-Length: 5
> X-Timestamp: @5
>
> "hello"
> DELETE /a/c/older
> X-Timestamp: @9
>
> :UPDATES: END
< :UPDATES: START
< :UPDATES: END
receiver ends
sender ends
then /a/c/o data @5 "hello"
then /a/c/older tombstone @9
then /a/c/never nothing
`

// A receiver of which nothing but the wire is known passes; and with each fault it
// fails, where the fault shows.
func TestReceiverFaults(t *testing.T) {
	for _, test := range []struct {
		name string
		toy  *toy
		want string // empty: it passes
	}{
		{"none", &toy{}, ""},
		{"wants too little", &toy{wants: "d"}, `line 9: wanted "{/a/c/o} dm", got "{/a/c/o} d"`},
		{"forgets", &toy{forgets: true}, `line 10: wanted ":MISSING_CHECK: END", got "{/a/c/older} dm"`},
		{"falls silent", &toy{silent: true}, "could not be made so: \"\", or silence"},
		{"says something else first", &toy{prefix: "OH HAI\r\n"}, `could not be made so: "OH HAI" instead`},
		{"no blank line at once", &toy{late: true}, "could not be made so: no blank line behind the head"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := judge(t, test.toy, session)
			said := fmt.Sprintf("%s%s", r.Reason, (&conformance.Mismatch{Line: r.Line, Want: r.Want, Got: r.Got}).Error())
			if test.want == "" && r.Status != conformance.Pass || test.want != "" && (r.Status != conformance.Fail || !strings.Contains(said, test.want)) {
				t.Errorf("%s: %s", r.Status, said)
			}
		})
	}
}

// What is asked of a receiver afterwards is found out by offers alone.
func TestThen(t *testing.T) {
	const before = `# x
given /a/c/data data @5 "x"
given /a/c/deleted tombstone @5
given /a/c/posted data @1 "x"
given /a/c/posted meta @5 X-Object-Meta-A=b
`
	for then, want := range map[string]string{
		"/a/c/data data @5 \"x\"":   "",
		"/a/c/data data @4 \"x\"":   "newer",
		"/a/c/data data @6 \"x\"":   "older",
		"/a/c/data data @5_a \"x\"": "older",
		"/a/c/data tombstone @5":    "data @5",
		"/a/c/data nothing":         "something",
		"/a/c/deleted tombstone @5": "",
		"/a/c/deleted data @5":      "tombstone @5",
		"/a/c/deleted nothing":      "something",
		"/a/c/none nothing":         "",
		"/a/c/none data @5":         "older, or nothing",
		"/a/c/posted meta @5":       "",
		"/a/c/posted meta @4":       "newer",
		"/a/c/posted meta @6":       "older",
		"/a/c/posted data @1 \"x\"": "",
	} {
		t.Run(then, func(t *testing.T) {
			r := judge(t, &toy{}, before+"then "+then+"\n")
			if want == "" && r.Status != conformance.Pass || want != "" && (r.Status != conformance.Fail || !strings.Contains(r.Got, want)) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// An alternative is known by the first thing that is heard in it; what is said in
// one decides for it; and only what is not the first is told of.
func TestChoice(t *testing.T) {
	const check = `# x
open
> :MISSING_CHECK: START
> {/a/c/o} @5
> :MISSING_CHECK: END
`
	for _, test := range []struct {
		name, text string
		status     conformance.Status
		as         string
	}{
		{"the first", `
either a: why
    < :MISSING_CHECK: START
    < {/a/c/o} dm
or b: why
    < nothing
< :MISSING_CHECK: END`, conformance.Pass, ""},
		{"the second, after a piece in common", `
either a: why
    < :MISSING_CHECK: START
    < {/a/c/o} m
or b: why
    < :MISSING_CHECK: START
    < {/a/c/o} dm
< :MISSING_CHECK: END`, conformance.Differs, "b"},
		{"one within another", `
either a: why
    < :MISSING_CHECK: START
    either c: why
        < {/a/c/o} d
    or d: why
        < {/a/c/o} dm
or b: why
    < nothing
< :MISSING_CHECK: END`, conformance.Differs, "d"},
		{"none", `
either a: why
    < this
or b: why
    < that`, conformance.Fail, ""},
		{"what was said can't be taken back", `
either a: why
    < :MISSING_CHECK: START
    > :UPDATES: START
    < {/a/c/o} m
or b: why
    < :MISSING_CHECK: START`, conformance.Fail, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := judge(t, &toy{}, check+test.text[1:]+"\n")
			as := ""
			for _, c := range r.Chosen {
				as = c.As
			}
			if r.Status != test.status || as != test.as {
				t.Errorf("%+v", r)
			}
		})
	}
}

// A script that needs what nobody told is left out, with the reason.
func TestLeftOut(t *testing.T) {
	for head, want := range map[string]string{
		"needs client_timeout\nopen\n":                     "client_timeout",
		"given /a/c/o damaged short\nopen\n":               "--devices",
		"policy erasure coded\nneeds other=than\n\nopen\n": "other=than",
	} {
		if r := judge(t, &toy{}, "# x\n"+head); r.Status != conformance.LeftOut || !strings.Contains(r.Reason, want) {
			t.Errorf("%q: %+v", head, r)
		}
	}
}

// send lets a function be the sender of a script.
func send(t *testing.T, text string, run func(ctx context.Context, t conformance.Target) error, wait time.Duration) conformance.Result {
	t.Helper()
	s, err := conformance.Parse("sender/test", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return conformance.Send(t.Context(), conformance.SenderConfig{Run: run, Cluster: storetest.Cluster(t), Dir: storetest.Devices(t), Patience: wait}, s)
}

// says is a sender that says the same to whoever listens, reads nothing, and is
// content.
func says(text string) func(context.Context, conformance.Target) error {
	return func(ctx context.Context, t conformance.Target) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.Host+":"+t.Port)
		if err != nil {
			return err
		}
		defer conn.Close()
		io.WriteString(conn, text)
		io.Copy(io.Discard, conn)
		return nil
	}
}

// A sender is held against what it should have said, and what it claims.
func TestSenderFaults(t *testing.T) {
	const head = "SSYNC /d1/7 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	const script = "# x\nopen\n> hello\nsender ends\nreceiver hangs up\nthen sender succeeds\n"
	hello := head + string(proto.AppendChunk(nil, []byte("hello\r\n")))
	for _, test := range []struct {
		name, script string
		run          func(context.Context, conformance.Target) error
		want         string // in what came instead; empty: it passes
	}{
		{"none", script, says(hello + proto.LastChunk), ""},
		{"another verb", script, says(strings.Replace(hello, "SSYNC", "PUT", 1)), "PUT /d1/7"},
		{"another partition", script, says(strings.Replace(hello, "/7", "/8", 1)), "/d1/8"},
		{"no chunks", script, says("SSYNC /d1/7 HTTP/1.1\r\nContent-Length: 9\r\n\r\n"), "without Transfer-Encoding"},
		{"another line", script, says(head + string(proto.AppendChunk(nil, []byte("hi\r\n")))), `"hi"`},
		{"a blank line before", script, says(head + string(proto.AppendChunk(nil, []byte("\r\nhello\r\n"))) + proto.LastChunk), `""`},
		{"more than it should", script, says(hello + string(proto.AppendChunk(nil, []byte("more\r\n"))) + proto.LastChunk), "more"},
		{"silence", script, says(head), "silence"},
		{"no call", script, func(context.Context, conformance.Target) error { return errors.New("no mood") }, "no mood"},
		{"a call too many", "# x\nno session\n", says(hello), "a session"},
		{"a false claim", "# x\nopen\nreceiver hangs up\nthen sender fails\n", says(hello), "succeeds"},
		{"no claim", "# x\nopen\nthen sender fails\n", func(ctx context.Context, t conformance.Target) error {
			says(head)(ctx, t)
			<-ctx.Done()
			return ctx.Err()
		}, "does not end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			wait := patience
			if test.want == "silence" || test.want == "does not end" {
				wait = brief
			}
			r := send(t, test.script, test.run, wait)
			if test.want == "" && r.Status != conformance.Pass || test.want != "" && (r.Status != conformance.Fail || !strings.Contains(r.Got, test.want)) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// The disk of a sender is what the script says, and is looked at afterwards.
func TestSenderDisk(t *testing.T) {
	nobody := func(context.Context, conformance.Target) error { return nil }
	const given = `# x
given /a/c/o data @1 "hello" X-Object-Meta-Long="` + "%s" + `"
given /a/c/o meta @5 Content-Type=text/html Content-Type-Timestamp=@4
given /a/c/t tombstone @9
given /a/c/b file @1.data "hellO" name=/a/c/b X-Timestamp=@1 Content-Type=application/octet-stream Content-Length=5 ETag=5d41402abc4b2a76b9719d911017c592
`
	text := fmt.Sprintf(given, strings.Repeat("x", 9000))
	for then, want := range map[string]string{
		"/a/c/o files @1.data @5-186a0.meta":                                                "",
		"/a/c/o data @1 \"hello\" X-Object-Meta-Long=" + strings.Repeat("x", 9000):          "",
		"/a/c/o data @1 \"hellO\" X-Object-Meta-Long=" + strings.Repeat("x", 9000):          "5d41402abc4b2a76b9719d911017c592",
		"/a/c/o data @1 \"hello\"":                                                          "X-Object-Meta-Long",
		"/a/c/o meta @5 Content-Type=text/html Content-Type-Timestamp=@4":                   "",
		"/a/c/o meta @5 Content-Type=text/html Content-Type-Timestamp=@4 X-Object-Meta-A=b": "@5-186a0.meta",
		"/a/c/o tombstone @9":      "no such file",
		"/a/c/t tombstone @9":      "",
		"/a/c/b data @1 \"hello\"": "06612c0d9c73d47a7042afd7024d7c82", // of the body that is there
		"/a/c/t nothing":           "@9.ts",
		"/a/c/u nothing":           "",
		"/a/c/t quarantined":       "not quarantined",
	} {
		t.Run(then[:min(len(then), 40)], func(t *testing.T) {
			r := send(t, text+"then "+then+"\n", nobody, patience)
			if want == "" && r.Status != conformance.Pass || want != "" && (r.Status != conformance.Fail || !strings.Contains(r.Got, want)) {
				t.Errorf("%.600s", fmt.Sprintf("%+v", r))
			}
		})
	}
}

// A command is a shell line with words to fill in; it ends with the script.
func TestCommand(t *testing.T) {
	run, verbs, err := conformance.Command("echo {host} {device} {partition} {policy} {swift_dir} {verb} >&2; test {port} -gt 0 -a -d {devices} && exit 3", "/etc/swift")
	if err != nil || len(verbs) != 2 {
		t.Fatal(verbs, err)
	}
	err = run(t.Context(), conformance.Target{Host: "127.0.0.1", Port: "6200", Devices: t.TempDir(), Device: "d1", Partition: 7, Verb: "SSYNC"})
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1 d1 7 0 /etc/swift SSYNC") || !strings.Contains(err.Error(), "exit status 3") {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	run, _, _ = conformance.Command("sleep 60 & wait # {port} {devices}", "")
	if err := run(ctx, conformance.Target{}); err == nil {
		t.Error("it went well")
	}
	if _, _, err := conformance.Command("true", ""); err == nil {
		t.Error("a command that nobody tells where to go")
	}
}
