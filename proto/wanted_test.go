package proto_test

import (
	"testing"

	"github.com/ringsync/ringsync/proto"
)

func TestWantedLines(t *testing.T) {
	tests := []struct {
		name       string
		data, meta bool
		line, old  string
	}{
		{"data", true, false, hashO1 + " d\r\n", hashO1 + "\r\n"},
		{"metadata", false, true, hashO1 + " m\r\n", hashO1 + "\r\n"},
		{"both", true, true, hashO1 + " dm\r\n", hashO1 + "\r\n"},
		{"nothing", false, false, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wanted := proto.Wanted{Hash: hash(t, hashO1), Data: test.data, Meta: test.meta}
			line := proto.AppendWanted(nil, wanted)
			if string(line) != test.line {
				t.Errorf("wrote %q, want %q", line, test.line)
			}
			if old := proto.AppendWanted2013(nil, wanted); string(old) != test.old {
				t.Errorf("wrote %q for 2013, want %q", old, test.old)
			}
			if test.line == "" {
				return
			}
			if got, err := proto.ParseWanted(line); err != nil || got != wanted {
				t.Errorf("read %+v, %v", got, err)
			}
			if !proto.HasWantedFlags(line) || proto.HasWantedFlags([]byte(test.old)) {
				t.Errorf("%q has flags, %q has none", line, test.old)
			}
		})
	}
}

func TestParseWanted(t *testing.T) {
	tests := []struct {
		name, words       string
		data, meta, flags bool
	}{
		{"bare hash", "", true, false, false},
		{"bare hash, blanks", "  \r\n", true, false, false},
		{"other letters", " xyz", true, false, false},
		{"other letters too", " xdy", true, false, true},
		{"reversed", " md", true, true, true},
		{"metadata among others", " amb", false, true, true},
		{"third word", " m d", false, true, true},
		{"third word alone", " x d", true, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := proto.Wanted{Hash: hash(t, hashO1), Data: test.data, Meta: test.meta}
			line := []byte(hashO1 + test.words)
			if got, err := proto.ParseWanted(line); err != nil || got != want {
				t.Errorf("read %+v, %v", got, err)
			}
			if got := proto.HasWantedFlags(line); got != test.flags {
				t.Errorf("has flags: %t", got)
			}
		})
	}

	for _, line := range []string{"", " ", ":ERROR: 0 'x'", ":MISSING_CHECK: END", hashO1 + "0 d", "d " + hashO1} {
		if got, err := proto.ParseWanted([]byte(line)); err == nil {
			t.Errorf("%q parsed as %+v", line, got)
		}
	}
}

// FuzzWanted shows that a slow and simple reader reads the same, and that what
// parses is written, and read again, as the same.
func FuzzWanted(f *testing.F) {
	f.Add([]byte(hashO1 + " dm"))
	f.Add([]byte(hashO1))
	f.Add([]byte(" " + hashO1 + " xm d\r\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		read, err := proto.ParseWanted(line)
		if slow, ok := slowWanted(string(line)); ok != (err == nil) || ok && slow != read {
			t.Fatalf("%q: read %+v, %v; slowly %+v, %t", line, read, err, slow, ok)
		}
		if err != nil {
			return
		}
		if !read.Data && !read.Meta {
			t.Fatalf("%q wants nothing", line)
		}
		if again, err := proto.ParseWanted(proto.AppendWanted(nil, read)); err != nil || again != read {
			t.Fatalf("%q: %+v became %+v (%v)", line, read, again, err)
		}
		if !proto.HasWantedFlags(proto.AppendWanted(nil, read)) || proto.HasWantedFlags(proto.AppendWanted2013(nil, read)) {
			t.Fatalf("%q: flags of %+v", line, read)
		}
		old, err := proto.ParseWanted(proto.AppendWanted2013(nil, read))
		if err != nil || old != (proto.Wanted{Hash: read.Hash, Data: true}) {
			t.Fatalf("%q: %+v became %+v (%v) in 2013", line, read, old, err)
		}
	})
}
