package main

import (
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/nodetest"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// The tables of ANSWERS.md that are marked as such are what a node answers.
func TestAnswersDocument(t *testing.T) {
	text, err := os.ReadFile("ANSWERS.md")
	if err != nil {
		t.Fatal(err)
	}
	alone, passing := answering(t, ""), answering(t, passedOn(t))
	seen := 0
	section := ""
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "## ") {
			section = strings.TrimSpace(line[3:])
		}
		if strings.HasPrefix(line, "Further") { // what the test can't bring about
			section = ""
		}
		cells := strings.Split(strings.Trim(line, "|\n"), "|")
		if !strings.HasSuffix(section, "✓") || len(cells) < 2 || !strings.Contains(line, "`") || strings.HasPrefix(line, "| request |") {
			continue
		}
		seen++
		switch {
		case strings.HasPrefix(section, "Requests"):
			checkRequest(t, alone, passing, cells)
		case strings.HasPrefix(section, "REPLICATION"):
			checkLine(t, alone, raw(spans(cells[0])), cells[1])
		default:
			checkSession(t, alone, cells)
		}
	}
	if seen < 45 {
		t.Errorf("only %d rows were found: has the document's form changed?", seen)
	}
}

// checkRequest holds a row against a node without and one with an object server.
func checkRequest(t *testing.T, alone, passing string, cells []string) {
	t.Helper()
	request := raw(spans(cells[0]))
	head, body, _ := strings.Cut(exchange(t, alone, request), "\r\n\r\n")
	want := []string{"HTTP/1.1 " + strings.TrimSpace(cells[1]) + " ", "Content-Type: " + strings.TrimSpace(cells[2]) + "\r\n"}
	for _, w := range want {
		if !strings.Contains(head+"\r\n", w) {
			t.Errorf("%q: %q, want %q in it", request, head, w)
		}
	}
	if code := strings.TrimSpace(cells[3]); strings.HasPrefix(code, "`") {
		if start := spans(code)[0]; !strings.HasPrefix(body, start) {
			t.Errorf("%q: %q, want %q", request, body, start)
		}
	}
	passed := strings.Contains(exchange(t, passing, request), passedOnMark)
	if want := strings.TrimSpace(cells[4]) == "passed on"; passed != want {
		t.Errorf("%q: passed on: %t, want %t", request, passed, want)
	}
}

func checkSession(t *testing.T, address string, cells []string) {
	t.Helper()
	pieces := spans(cells[1])
	if len(pieces) == 0 {
		return
	}
	stream := "SSYNC /d1/0 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, piece := range pieces {
		if piece == "…" {
			piece = ":MISSING_CHECK: START⏎" + storetest.Hash("/a/c/o").String() + " 1700000001.00000⏎:MISSING_CHECK: END⏎:UPDATES: START⏎"
		}
		stream += string(proto.AppendChunk(nil, []byte(strings.ReplaceAll(piece, "⏎", "\r\n"))))
	}
	checkLine(t, address, stream, cells[2])
}

func checkLine(t *testing.T, address, request, cell string) {
	t.Helper()
	want := spans(cell)[0] + "\n"
	if answer := exchange(t, address, request); !strings.Contains(answer, "200 OK") || !strings.Contains(answer, want) {
		t.Errorf("%q: %q, want %q in it", request, answer, want)
	}
}

// spans are the pieces of code in a cell.
func spans(cell string) (codes []string) {
	for _, match := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(cell, -1) {
		codes = append(codes, match[1])
	}
	return codes
}

// raw is a request of its first line and its headers.
func raw(parts []string) string {
	return parts[0] + " HTTP/1.1\r\n" + strings.Join(append(parts[1:], ""), "\r\n") + "\r\n"
}

func answering(t *testing.T, objectServer string) string {
	t.Helper()
	return nodetest.Start(t, dataplane.Config{Store: storetest.New(t), ObjectServer: objectServer}).Address
}

const passedOnMark = "the object server was here"

// passedOn is an object server that says so.
func passedOn(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.Copy(io.Discard, conn)
			io.WriteString(conn, passedOnMark)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

// exchange sends a request, half-closes, and returns what comes back.
func exchange(t *testing.T, address, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 {
		t.Fatal(err)
	}
	return string(answer)
}
