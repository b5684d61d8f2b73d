package hostile_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// hostileCase is one entry of a corpus.
type hostileCase struct {
	name  string
	bytes []byte
	want  []string
	never []string
}

const (
	sessionHead = "SSYNC /d1/0 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	accepted    = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\r\n\r\n"
)

// objectHash is the hash of /a/c/o, which every session here is about.
var objectHash = storetest.Hash("/a/c/o").String()

func chunk(text string) []byte { return proto.AppendChunk(nil, []byte(text)) }

func goodCheck() []byte {
	b := append([]byte(sessionHead), chunk(":MISSING_CHECK: START\r\n")...)
	b = append(b, chunk(objectHash+" 1700000001.00000\r\n")...)
	b = append(b, chunk(":MISSING_CHECK: END\r\n")...)
	return append(b, chunk(":UPDATES: START\r\n")...)
}

// readCorpus reads a file of cases; see the package comment.
func readCorpus(t *testing.T, path string) (cases []*hostileCase) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if word == "" || strings.HasPrefix(word, "#") {
			continue
		}
		if word == "==" {
			cases = append(cases, &hostileCase{name: rest})
			continue
		}
		if len(cases) == 0 || !cases[len(cases)-1].add(word, rest) {
			t.Fatalf("%s:%d: %q", path, i+1, line)
		}
	}
	if len(cases) == 0 {
		t.Fatalf("%s: no cases", path)
	}
	return cases
}

func (c *hostileCase) add(word, rest string) bool {
	times := 1
	if count, text, found := strings.Cut(rest, " "); found && count[0] != '"' {
		n, err := strconv.Atoi(count)
		if err != nil {
			return false
		}
		times, rest = n, text
	}
	var text string
	if rest != "" && word != "headers" {
		plain, err := strconv.Unquote(rest)
		if err != nil {
			return false
		}
		text = strings.Repeat(strings.ReplaceAll(plain, "%h", objectHash), times)
	}
	switch word {
	case "headers":
		var lines []byte
		n, err := strconv.Atoi(rest)
		for i := range n {
			lines = fmt.Appendf(lines, "A%d: b\r\n", i)
		}
		c.bytes = append(c.bytes, chunk(string(lines))...)
		return err == nil
	case "head":
		c.bytes = append(c.bytes, sessionHead...)
	case "check":
		c.bytes = append(c.bytes, goodCheck()...)
	case "accept":
		c.bytes = append(c.bytes, accepted...)
	case "raw":
		c.bytes = append(c.bytes, text...)
	case "chunk":
		c.bytes = append(c.bytes, chunk(text)...)
	case "want":
		c.want = append(c.want, text)
	case "never":
		c.never = append(c.never, text)
	default:
		return false
	}
	return true
}

// judge compares an answer with what the corpus expects.
func (c *hostileCase) judge(t *testing.T, answer string) {
	t.Helper()
	for _, want := range c.want {
		if !strings.Contains(answer, want) {
			t.Errorf("%.600q, want %q in it", answer, want)
		}
	}
	for _, never := range c.never {
		if bytes.Contains([]byte(answer), []byte(never)) {
			t.Errorf("%.600q, with %q in it", answer, never)
		}
	}
}
