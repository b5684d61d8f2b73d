package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/nodetest"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
)

// push says which way large bodies went and why, in words and as JSON; each of its
// tuning flags changes that, or is refused.
func TestPushWays(t *testing.T) {
	from, conf := storetest.New(t), swiftDir(t)
	if err := storetest.Put(storetest.Partition(t, from), "/a/c/large", storetest.Time(1), bytes.Repeat([]byte("x"), 5<<20)); err != nil {
		t.Fatal(err)
	}
	push := func(flags ...string) (string, error) {
		node := nodetest.Start(t, dataplane.Config{Store: storetest.New(t)})
		defer node.Stop()
		return execute(t, append([]string{"push", "--to", node.Address, "--devices", from.Devices(), "--device", "d1", "--swift-dir", conf}, flags...)...)
	}
	for _, row := range []struct {
		flags, want string
	}{
		{"--engine=portable", `"ways":{"copy/engine":1}`},
		{"--engine=sendfile", `"ways":{"sendfile/engine":1}`},
		{"--engine=sendfile --sender-md5", `"ways":{"copy/digest":1}`},
		{"--engine=auto --sender-md5 --read-ahead=1 --lanes=1", `"ways":{"(ring|copy)/digest":1},"zero_copy":"(copied|trying|untried)"`},
		{"--engine=auto --sender-md5 --zero-copy-from=-1 --direct-from=-1", `"ways":{"(ring|copy)/digest":1},"zero_copy":"untried"`},
		{"--engine=auto --sender-md5 --buffers=2 --read-ahead=8", `"ways":{"(ring|copy)/(digest|no_buffer)":1}`},
	} {
		out, err := push(append(strings.Fields(row.flags), "--json")...)
		if err != nil || !json.Valid([]byte(out)) || !regexp.MustCompile(row.want).MatchString(out) {
			t.Errorf("%s: %v: want %s in %s", row.flags, err, row.want, out)
		}
	}
	if out, err := push("--engine=portable"); err != nil || !strings.Contains(out, "by way and reason: copy/engine:1; sends without a copy: untried") {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := push("--read-ahead=17"); err == nil || !strings.Contains(err.Error(), "17 blocks") {
		t.Errorf("--read-ahead=17: %v", err)
	}
}
