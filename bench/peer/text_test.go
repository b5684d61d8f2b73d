package peer

import (
	"encoding/json"
	"strings"
	"testing"
)

// Any bytes survive the way to a helper and back.
func TestLatin1CarriesEveryByte(t *testing.T) {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	for name, bytes := range map[string]string{
		"nothing": "", "ASCII": "red", "UTF-8": "café", "no UTF-8": "\xff\xfe", "every byte": string(all),
	} {
		t.Run(name, func(t *testing.T) {
			line, err := json.Marshal(latin1(bytes))
			if err != nil {
				t.Fatal(err)
			}
			var text string
			if err := json.Unmarshal(line, &text); err != nil {
				t.Fatal(err)
			}
			if got := unLatin1(text); got != bytes {
				t.Errorf("%q came back as %q", bytes, got)
			}
		})
	}
}

// A traceback of any length ends up in a message as its last whole lines.
func TestTailKeepsTheEnd(t *testing.T) {
	var last tail
	for range 1000 {
		if _, err := last.Write([]byte("a line of a long traceback\n")); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := last.Write([]byte("ValueError: the reason\n")); err != nil {
		t.Fatal(err)
	}
	got := last.text()
	if len(got) > 1024 || !strings.HasPrefix(got, "a line") || !strings.HasSuffix(got, "the reason") {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}
