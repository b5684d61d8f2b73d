package hashes

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

// The golden files were captured from this release of Swift on Python 3.11 by
// testdata/capture.py.
const goldenVersion = "2.30.1"

// golden reads the captured cases of a topic.
func golden[T any](tb testing.TB, topic string) []T {
	tb.Helper()

	data, err := os.ReadFile(filepath.Join("testdata", topic+"-"+goldenVersion+".json"))
	if err != nil {
		tb.Fatal(err)
	}

	var cases []T
	if err := json.Unmarshal(data, &cases); err != nil {
		tb.Fatal(err)
	}
	if len(cases) == 0 {
		tb.Fatalf("%s: no cases", topic)
	}

	return cases
}

func unhex(tb testing.TB, text string) []byte {
	tb.Helper()

	data, err := hex.DecodeString(text)
	if err != nil {
		tb.Fatal(err)
	}

	return data
}

func timestamp(tb testing.TB, text string) proto.Timestamp {
	tb.Helper()

	t, err := proto.ParseTimestamp(text)
	if err != nil {
		tb.Fatal(err)
	}

	return t
}

func suffix(tb testing.TB, text string) proto.Suffix {
	tb.Helper()

	s, err := proto.ParseSuffix(text)
	if err != nil {
		tb.Fatal(err)
	}

	return s
}

func replicated() Policy { return Policy{Name: "gold", Kind: Replication} }

// coded is the 4+2 policy of the captured names.
func coded() Policy {
	return Policy{Index: 1, Name: "ec", Kind: ErasureCoding, Fragments: 6}
}
