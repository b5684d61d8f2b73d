package proto_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

// TestSyntaxErrorIsBounded shows that an error carries 64 foreign bytes at most,
// a copy of its own, and shows none of them raw.
func TestSyntaxErrorIsBounded(t *testing.T) {
	foreign := []byte("\x1b[2J\n" + strings.Repeat("x", 5000))
	_, err := proto.ParseHash(foreign)
	var syntax *proto.SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("got %v", err)
	}
	clear(foreign)

	want := proto.SyntaxError{
		What: "hash",
		Want: "32 lower-case hex digits",
		Got:  "\x1b[2J\n" + strings.Repeat("x", 59),
	}
	if *syntax != want {
		t.Errorf("got %+v, want %+v", *syntax, want)
	}
	const message = `hash: want 32 lower-case hex digits, got "\x1b[2J\n`
	if got := err.Error(); !strings.HasPrefix(got, message) || len(got) > len(message)+64 {
		t.Errorf("reads %s", got)
	}
}
