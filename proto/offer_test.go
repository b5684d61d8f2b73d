package proto_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ringsync/ringsync/proto"
)

const hashO1 = "df49ee409148dfec4ff8451914278f80"

func hash(t testing.TB, text string) proto.Hash {
	t.Helper()
	h, err := proto.ParseHash(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// offer makes one whose missing times equal data's.
func offer(t testing.TB, data, meta, ctype string) proto.Offer {
	t.Helper()
	o := proto.Offer{Hash: hash(t, hashO1), Data: ts(t, data)}
	o.Meta, o.CType = o.Data, o.Data
	if meta != "" {
		o.Meta = ts(t, meta)
	}
	if ctype != "" {
		o.CType = ts(t, ctype)
	}
	return o
}

func notDurable(o proto.Offer) proto.Offer {
	o.NotDurable = true
	return o
}

// TestOfferLines has the lines of Swift, written and read.
func TestOfferLines(t *testing.T) {
	tests := []struct {
		name  string
		offer proto.Offer
		words string // behind the hash
	}{
		{"data or tombstone", offer(t, "1700000001", "", ""), "1700000001.00000"},
		{"meta and content type", offer(t, "1700000001", "1700000005", "1700000005"), "1700000001.00000 m:61a80,t:61a80"},
		{"meta", offer(t, "1700000011", "1700000012", ""), "1700000011.00000 m:186a0"},
		{"not durable", notDurable(offer(t, "1795000310", "", "")), "1795000310.00000 durable:False"},
		{"all attributes", notDurable(offer(t, "1700000001", "1700000005", "1700000002")),
			"1700000001.00000 m:61a80,t:186a0,durable:False"},
		{"data offset", offer(t, "1700000001_a", "", ""), "1700000001.00000_000000000000000a"},
		{"meta and type offsets", offer(t, "1700000001", "1700000005_b", "1700000005_c"),
			"1700000001.00000 m:61a80__b,t:61a80__c"},
		{"only the offset differs", offer(t, "1700000001_a", "1700000001_b", ""),
			"1700000001.00000_000000000000000a m:0__b"},
		{"only the data has an offset", offer(t, "1700000001_a", "1700000001", ""),
			"1700000001.00000_000000000000000a m:0"},
		{"meta older than data", offer(t, "1700000001", "1700000000", ""), "1700000001.00000 m:-186a0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := hashO1 + " " + test.words + "\r\n"
			if got := string(proto.AppendOffer(nil, test.offer)); got != want {
				t.Errorf("wrote %q, want %q", got, want)
			}
			got, err := proto.ParseOffer([]byte(strings.TrimSuffix(want, "\r\n")))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.offer, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

// TestOfferWithoutMetaHidesContentType shows that a content type's time travels
// only beside a .meta's.
func TestOfferWithoutMetaHidesContentType(t *testing.T) {
	got := string(proto.AppendOffer(nil, offer(t, "1700000001", "", "1700000005")))
	if want := hashO1 + " 1700000001.00000\r\n"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
}

func TestAppendOffer2013(t *testing.T) {
	o := notDurable(offer(t, "1380144470", "1380144480", "1380144480"))
	want := hashO1 + " 1380144480.00000\r\n"
	if got := string(proto.AppendOffer2013([]byte("x"), o)); got != "x"+want {
		t.Errorf("wrote %q, want the newest file's time: %q", got, want)
	}
}

func TestParseOfferLeniency(t *testing.T) {
	tests := []struct {
		name, words string
		want        proto.Offer
	}{
		{"line end left on", "1700000001.00000\r\n", offer(t, "1700000001", "", "")},
		{"blanks between words", " \t 1700000001.00000 \t m:1", offer(t, "1700000001", "1700000001.00001", "")},
		{"short time", "1700000001_a", offer(t, "1700000001_a", "", "")},
		{"quoted time", "1700000001%2E5%5Fa", offer(t, "1700000001.5_a", "", "")},
		{"quoted attributes", "1700000001 m%3A1%2Ct%3A2", offer(t, "1700000001", "1700000001.00001", "1700000001.00002")},
		{"unknown attribute", "1700000001 x:y,m:1,z:", offer(t, "1700000001", "1700000001.00001", "")},
		{"no colon", "1700000001 x,m:1,,", offer(t, "1700000001", "1700000001.00001", "")},
		{"fourth word", "1700000001 m:1 m:zz:", offer(t, "1700000001", "1700000001.00001", "")},
		{"quoted NUL", "1700000001 x:%00", offer(t, "1700000001", "", "")},
		{"repeated attribute", "1700000001 m:1,m:2", offer(t, "1700000001", "1700000001.00002", "")},
		{"type without meta", "1700000001 t:1", offer(t, "1700000001", "", "1700000001.00001")},
		{"upper case and 0x", "1700000001 m:0x1A", offer(t, "1700000001", "1700000001.00026", "")},
		{"empty offset", "1700000001 m:1__", offer(t, "1700000001", "1700000001.00001", "")},
		{"delta drops the data offset", "1700000001_a m:1", offer(t, "1700000001_a", "1700000001.00001", "1700000001_a")},
		{"durable said", "1700000001 durable:True", offer(t, "1700000001", "", "")},
		{"durable said shortly", "1700000001 durable:ON", offer(t, "1700000001", "", "")},
		{"durable left empty", "1700000001 durable:", notDurable(offer(t, "1700000001", "", ""))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := proto.ParseOffer([]byte(hashO1 + " " + test.words))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseOfferRefuses(t *testing.T) {
	tests := map[string]string{
		"blank":                "",
		"only blanks":          " \r\n",
		"hash alone":           hashO1,
		"no hash":              "..%2F..%2Fx 1700000001.00000",
		"upper-case hash":      strings.ToUpper(hashO1) + " 1700000001.00000",
		"time is no number":    hashO1 + " xyz",
		"negative time":        hashO1 + " -5",
		"empty m":              hashO1 + " 1700000001 m:",
		"m not hex":            hashO1 + " 1700000001 m:xyz",
		"two colons":           hashO1 + " 1700000001 x:y:z",
		"empty key two colons": hashO1 + " 1700000001 ::",
		"before the epoch":     hashO1 + " 0000000001 m:-186a1",
		"after the last":       hashO1 + " 9999999999.99999 m:1",
		"huge delta":           hashO1 + " 1700000001 m:ffffffffffffffff",
		"17 digits":            hashO1 + " 1700000001 m:00000000000000001",
		"single underscore":    hashO1 + " 1700000001 m:1_b",
		"bad offset":           hashO1 + " 1700000001 m:1__z",
		"negative offset":      hashO1 + " 1700000001 m:1__-1",
		"offset twice":         hashO1 + " 1700000001 m:1__1__1",
		"not ASCII":            hashO1 + " 1700000001 x:\u00e9",
		"not ASCII far behind": hashO1 + " 1700000001 m:1 and more \xff",
		"quoted NUL in a time": hashO1 + " 1700000001%00",
	}
	for name, line := range tests {
		o, err := proto.ParseOffer([]byte(line))
		var syntax *proto.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%s: %q parsed as %+v, %v", name, line, o, err)
		}
		if o != (proto.Offer{}) {
			t.Errorf("%s: an error, and an offer %+v", name, o)
		}
	}
}

// FuzzOffer shows that a slow and simple reader reads the same, that what parses is
// written, and read again, as the same offer, and that the 2013 line keeps its time.
func FuzzOffer(f *testing.F) {
	f.Add([]byte(hashO1 + " 1700000001.00000 m:61a80,t:61a80"))
	f.Add([]byte(hashO1 + " 1700000001.00000_000000000000000a m:0__b,t:-5__c,durable:False"))
	f.Add([]byte(hashO1 + " 1e3 x:y,m%3A1"))
	f.Fuzz(func(t *testing.T, line []byte) {
		read, err := proto.ParseOffer(line)
		if slow, ok, judged := slowOffer(string(line)); judged && (ok != (err == nil) || ok && slow != read) {
			t.Fatalf("%q: read %+v, %v; slowly %+v, %t", line, read, err, slow, ok)
		}
		if err != nil {
			return
		}
		if read.Meta == read.Data {
			read.CType = read.Data // cannot be said on the wire
		}
		again, err := proto.ParseOffer(proto.AppendOffer(nil, read))
		if err != nil || again != read {
			t.Fatalf("%q: %+v became %+v (%v)", line, read, again, err)
		}

		old, err := proto.ParseOffer(proto.AppendOffer2013(nil, read))
		if err != nil || old.Hash != read.Hash || old.Data != read.Meta || old.Meta != read.Meta {
			t.Fatalf("%q: %+v became %+v (%v) in 2013", line, read, old, err)
		}
	})
}
