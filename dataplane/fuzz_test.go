package dataplane

import (
	"context"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// FuzzPlace shows that whatever a request asks for, it is placed on a device that
// is there and in a partition of canonical spelling, or refused with an answer.
func FuzzPlace(f *testing.F) {
	s := storetest.New(f, func(c *store.Config) { c.Devices = storetest.Devices(f) })
	node, err := New(Config{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	conn, peer := net.Pipe()
	f.Cleanup(func() {
		conn.Close()
		peer.Close()
		if err := node.Shutdown(context.Background()); err != nil {
			f.Error(err)
		}
	})
	f.Add("/d1/0", "")
	f.Add("/d1/0/abc-def", "2")
	f.Add("/%64%31/4294967295/..%2f", "0")
	f.Add("/../%2e%2e/x", "1")
	f.Add("//d1/0", "-1")
	f.Fuzz(func(t *testing.T, path, policy string) {
		r := &request{conn: conn}
		r.Target = path
		if policy != "" {
			r.Headers = []proto.Header{{Name: "X-Backend-Storage-Policy-Index", Value: policy}}
		}
		for _, withRest := range []bool{false, true} {
			if path == "" {
				continue // no request line has an empty target
			}
			got, refused := node.place(r, withRest)
			if refused != nil {
				if !slices.Contains([]int{400, 412, 503, 507}, refused.status) {
					t.Fatalf("%q is refused with %d", path, refused.status)
				}
				continue
			}
			quoted, _, _ := strings.Cut(path, "?")
			plain, err := proto.Unquote(quoted)
			again := "/" + got.device + "/" + partitionText(got.partition)
			if err != nil || got.device != "d1" || got.policy.Kind != hashes.Replication || plain != again && !strings.HasPrefix(plain, again+"/") {
				t.Fatalf("%q is placed at %s, %+v", path, again, got)
			}
		}
	})
}

func partitionText(n uint32) string { return string(appendUint(nil, uint64(n))) }

// appendUint is the slow and simple spelling of a number.
func appendUint(dst []byte, n uint64) []byte {
	if n >= 10 {
		dst = appendUint(dst, n/10)
	}
	return append(dst, byte('0'+n%10))
}

// FuzzPeers shows that what parses is written, and read again, as the same list.
func FuzzPeers(f *testing.F) {
	f.Add("10.0.0.7,10.1.2.3/16")
	f.Add("::1,fd00::/8,::ffff:10.0.0.1")
	f.Fuzz(func(t *testing.T, list string) {
		peers, err := ParsePeers(strings.Split(list, ","))
		if err != nil {
			return
		}
		var words []string
		for _, p := range peers {
			if !p.IsValid() || p != p.Masked() {
				t.Fatalf("%q became %v", list, peers)
			}
			words = append(words, p.String())
		}
		again, err := ParsePeers(words)
		if err != nil || !slices.Equal(peers, again) {
			t.Fatalf("%v (%v):\n%s", again, err, cmp.Diff(words, strings.Split(list, ",")))
		}
	})
}
