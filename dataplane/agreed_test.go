package dataplane_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/dataplane"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
	"golang.org/x/sys/unix"
)

// verifying is for startNode.
func verifying(v ssync.Verify) func(*dataplane.Config) {
	return func(c *dataplane.Config) { c.Receiver.Verify = v }
}

// The answer names what of the features asked for the receiver agrees to, and only
// where somebody asked.
func TestFeaturesAreAnswered(t *testing.T) {
	address, _ := startNode(t)
	strict, _ := startNode(t, verifying(ssync.VerifyMD5))
	lax, _ := startNode(t, verifying(ssync.VerifyNone))
	const chunked = "Transfer-Encoding: chunked\r\n"
	for _, test := range []struct{ name, address, line, headers, want string }{
		{"nobody asks", address, "SSYNC /d1/0 HTTP/1.1", chunked, ""},
		{"all", address, "SSYNC /d1/0 HTTP/1.1", chunked + "X-Ringsync-Features: xxh64,results,stored,none\r\n", "xxh64,results,stored"},
		{"md5 here", strict, "SSYNC /d1/0 HTTP/1.1", chunked + "X-Ringsync-Features: xxh64,results,stored,none\r\n", "xxh64,results"},
		{"none here", lax, "SSYNC /d1/0 HTTP/1.1", chunked + "X-Ringsync-Features: xxh64,results,stored,none\r\n", "xxh64,results,stored,none"},
		{"none here alone", lax, "SSYNC /d1/0 HTTP/1.1", chunked + "X-Ringsync-Features: xxh64,results,stored\r\n", "xxh64,results,stored"},
		{"of a later day", address, "SSYNC /d1/0 HTTP/1.1", chunked + "x-ringsync-features: zstd, results\r\n", "results"},
		{"unknown words alone", address, "SSYNC /d1/0 HTTP/1.1", chunked + "X-Ringsync-Features: zstd\r\n", ""},
		{"no chunks", address, "SSYNC /d1/0 HTTP/1.1", "Content-Length: 0\r\nX-Ringsync-Features: xxh64,results,stored\r\n", "results"},
		{"HTTP/1.0", address, "SSYNC /d1/0 HTTP/1.0", chunked + "X-Ringsync-Features: xxh64,results,stored\r\n", "results"},
		{"the verb of 2013", address, "REPLICATION /d1/0 HTTP/1.1", chunked + "X-Ringsync-Features: xxh64,results,stored\r\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			head, body, _ := strings.Cut(ask(t, test.address, test.line+"\r\n"+test.headers+"\r\n"), "\r\n\r\n")
			want := "\r\nX-Ringsync-Features: " + test.want + "\r\n"
			if got := strings.Contains(head, want); got != (test.want != "") || test.want == "" && strings.Contains(head, "Ringsync") {
				t.Errorf("%q, want %q", head, test.want)
			}
			if summed := strings.HasPrefix(body, "2;xxh64="); summed != strings.Contains(test.want, "xxh64") {
				t.Errorf("the body begins with %.30q", body)
			}
		})
	}
}

const agreedHead = "SSYNC /d1/0 HTTP/1.1\r\nX-Ringsync-Features: xxh64,stored,none\r\nTransfer-Encoding: chunked\r\n\r\n"

// summed is a chunk with its sum, and perhaps an announcement.
func summed(text string, announced ...uint64) string {
	e := proto.Extension{Sum: xxhash.Sum64String(text)}
	for _, sum := range announced {
		e.Stored, e.Announces = sum, true
	}
	return string(proto.AppendChunkExt(nil, []byte(text), string(proto.AppendExtension(nil, e))))
}

// checkOf offers /a/c/o and begins the updates.
func checkOf(frame func(string) string) string {
	offered := mcStart + offer("o", "1700000001.00000") + mcEnd
	return frame(offered) + frame(updStart)
}

func plainChunk(text string) string { return chunks(text) }

func summedChunk(text string) string { return summed(text) }

// A bit that flips in a head is stored where nothing guards it, as with Swift; where
// both ends agreed on sums the session ends, and nothing of the chunk is published.
func TestFlippedBitInAHead(t *testing.T) {
	const put = "PUT /a/c/o\r\nContent-Length: 3\r\nContent-Type: t\r\nX-Object-Meta-Color: blue\r\nX-Timestamp: 1700000001.00000\r\n\r\nabc"
	flip := func(wire string) string { return strings.Replace(wire, "Color: blue", "Color: clue", 1) }
	address, devices := startNode(t)
	answer := ask(t, address, agreedHead+checkOf(summedChunk)+flip(summed(put))+summed(updEnd)+"0\r\n\r\n")
	if !strings.Contains(answer, ":ERROR: 0 ") || !strings.Contains(answer, "does not match its xxh64") {
		t.Errorf("%q", answer)
	}
	if state := storetest.MustState(t, held(t, devices), "/a/c/o"); state != "nothing" {
		t.Errorf("there is %s", state)
	}
	answer = ask(t, address, head+checkOf(plainChunk)+flip(chunks(put))+chunks(updEnd)+"0\r\n\r\n")
	if state := storetest.MustState(t, held(t, devices), "/a/c/o"); !strings.Contains(state, "clue") {
		t.Errorf("there is %s: %q", state, answer)
	}
}

// In a damaged offer nothing is believed: the answer would call it not wanted.
func TestFlippedBitInAnOffer(t *testing.T) {
	address, devices := startNode(t)
	if err := storetest.Put(held(t, devices), "/a/c/o", storetest.Time(1), []byte("old")); err != nil {
		t.Fatal(err)
	}
	good := summed(mcStart + offer("o", "1700000003.00000") + mcEnd)
	if answer := ask(t, address, agreedHead+good); !strings.Contains(answer, storetest.Hash("/a/c/o").String()+" dm") {
		t.Errorf("%q", answer)
	}
	bad := strings.Replace(good, "1700000003", "1700000001", 1)
	if answer := ask(t, address, agreedHead+bad); strings.Contains(answer, mcEnd) || !strings.Contains(answer, "xxh64") {
		t.Errorf("%q", answer)
	}
}

// saidOfSession waits for the line of a session in the log.
func saidOfSession(t *testing.T, log *lines) string {
	t.Helper()
	for range 1000 {
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, `msg="session `) {
				return line
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no session in the log")
	return ""
}

// What a body is held against: its announced xxhash64, and then the ETag is stored
// as it came; its ETag where nothing is announced, or where the receiver wants that,
// or the body is small, or comes without one.
func TestWays(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 5000)
	right, etag := xxhash.Sum64String(large), hashes.Checksum([]byte(large))
	other := hashes.Checksum([]byte("other"))
	for _, test := range []struct {
		name     string
		here     ssync.Verify
		body     string
		announce []uint64
		etag     string
		want     string // the ETag stored, or a piece of the answer
		way      string
		stores   bool // an xxhash64 beside it
	}{
		{"announced", "", large, []uint64{right}, etag, etag, "stored 1", false},
		{"announced, and the ETag is believed", "", large, []uint64{right}, other, other, "stored 1", false},
		{"announced wrong", "", large, []uint64{right + 1}, etag, "1 failures to 0 successes", "stored 0", false},
		{"not announced", "", large, nil, etag, etag, "md5 1", true},
		{"not announced, wrong", "", large, nil, other, "1 failures to 0 successes", "md5 0", false},
		{"announced to who wants MD5", ssync.VerifyMD5, large, []uint64{right + 1}, etag, etag, "md5 1", true},
		{"announced, without an ETag", "", large, []uint64{right}, "", etag, "md5 1", false},
		{"announced, with an ETag that is no MD5", "", large, []uint64{right}, "x", "1 failures to 0 successes", "md5 0", false},
		{"small", "", "abc", []uint64{7}, hashes.Checksum([]byte("abc")), hashes.Checksum([]byte("abc")), "small 1", false},
		{"small, wrong", "", "abc", []uint64{xxhash.Sum64String("abc")}, etag, "1 failures to 0 successes", "small 0", false},
		{"nothing asked", ssync.VerifyNone, large, []uint64{7}, other, other, "none 1", false},
		{"nothing asked, small", ssync.VerifyNone, "abc", nil, other, other, "none 1", false},
		{"nothing asked, and no ETag", ssync.VerifyNone, large, nil, "", etag, "md5 1", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log lines
			address, devices := startNode(t, verifying(test.here), func(c *dataplane.Config) { c.Log = log.logger() })
			put := fmt.Sprintf("PUT /a/c/o\r\nContent-Length: %d\r\nContent-Type: t\r\nX-Timestamp: 1700000001.00000\r\n", len(test.body))
			if test.etag != "" {
				put += "ETag: " + test.etag + "\r\n"
			}
			answer := ask(t, address, agreedHead+checkOf(summedChunk)+summed(put+"\r\n", test.announce...)+summed(test.body)+summed(updEnd)+"0\r\n\r\n")
			o, err := held(t, devices).Open(storetest.Hash("/a/c/o"))
			if err != nil {
				if !strings.Contains(answer, test.want) {
					t.Fatalf("%v: %q", err, answer)
				}
			} else {
				defer o.Close()
				if o.ETag() != test.want {
					t.Errorf("ETag %s, want %s", o.ETag(), test.want)
				}
				if sum, ok := o.StoredSum(); ok != test.stores || ok && sum != right {
					t.Errorf("beside it: %v, %016x", ok, sum)
				}
			}
			if said := saidOfSession(t, &log); !strings.Contains(said, test.way) {
				t.Errorf("%q is not in %s", test.way, said)
			}
		})
	}
}

// An announcement counts for the body behind it and for no other: not where more of
// the head follows, nor for the next PUT.
func TestAnnouncementOfAnother(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 5000)
	wrong := xxhash.Sum64String(large) + 1
	etag := hashes.Checksum([]byte(large))
	address, devices := startNode(t)
	first := fmt.Sprintf("PUT /a/c/o\r\nContent-Length: %d\r\nContent-Type: t\r\n", len(large))
	rest := "X-Timestamp: 1700000001.00000\r\nETag: " + etag + "\r\n\r\n"
	answer := ask(t, address, agreedHead+checkOf(summedChunk)+summed(first, wrong)+summed(rest)+summed(large)+summed(updEnd)+"0\r\n\r\n")
	if state := storetest.MustState(t, held(t, devices), "/a/c/o"); !strings.Contains(state, etag) {
		t.Errorf("%s: %q", state, answer)
	}
}

// The attribute that we store beside a body is one that Swift has no use for.
func TestStoredSumIsBeside(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 5000)
	address, devices := startNode(t)
	put := fmt.Sprintf("PUT /a/c/o\r\nContent-Length: %d\r\nContent-Type: t\r\nX-Timestamp: 1700000001.00000\r\nETag: %s\r\n\r\n", len(large), hashes.Checksum([]byte(large)))
	ask(t, address, head+checkOf(plainChunk)+chunks(put+large)+chunks(updEnd)+"0\r\n\r\n")
	h := storetest.Hash("/a/c/o")
	path := filepath.Join(devices, "d1/objects/0", h.Suffix().String(), h.String(), "1700000001.00000.data")
	buf := make([]byte, 200)
	n, err := unix.Getxattr(path, hashes.StoredSumXattr, buf)
	want := fmt.Sprintf("1 %016x %d %s", xxhash.Sum64String(large), len(large), hashes.Checksum([]byte(large)))
	if err != nil || string(buf[:n]) != want {
		t.Errorf("%q, %v; want %q", buf[:max(n, 0)], err, want)
	}
}
