package sink

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/proto"
)

// Whatever comes, a sink says UPDATES: END only after it has read the sender's, and
// wants nothing that was not offered.
func FuzzDialogue(f *testing.F) {
	offer := ":MISSING_CHECK: START\r\n00000000000000000000000000000001 1401379842.00000\r\n:MISSING_CHECK: END\r\n"
	f.Add([]byte(offer + ":UPDATES: START\r\nPUT /a/c/o\r\nContent-Length: 1\r\n\r\nx:UPDATES: END\r\n"))
	f.Add([]byte(offer + ":UPDATES: START\r\n:UPDATES: END\r\n"))
	f.Add([]byte(":MISSING_CHECK: START\n:MISSING_CHECK: END\n:UPDATES: START\n:UPDATES: END\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		var said bytes.Buffer
		s := &dialogue{in: bufio.NewReaderSize(bytes.NewReader(input), 1<<10), out: &said}
		err := s.hold()
		if ended := strings.Contains(said.String(), proto.UpdatesEnd); ended != (err == nil) {
			t.Errorf("ended %v, with %v", ended, err)
		}
		if err == nil && (!bytes.Contains(input, []byte(proto.UpdatesEnd)) || strings.Count(said.String(), " d\r\n") != s.wanted) {
			t.Errorf("%q was answered with %q", input, said.String())
		}
	})
}
