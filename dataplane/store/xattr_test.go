package store_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// Metadata of any size comes back as it was stored, in pieces as Swift cuts them
// (65,536 bytes, 254 in 2013) and with the checksum of the whole.
func TestMetadataPieces(t *testing.T) {
	for _, test := range []struct {
		name   string
		bytes  int // of one value
		pieces int
	}{
		{"none", 0, 1},
		{"more than is tried first", 3000, 1},
		{"a piece", 60_000, 1},
		{"two pieces", 66_000, 2},
		{"three pieces", 140_000, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPartition(t)
			value := strings.Repeat("v", test.bytes)
			must(t, storetest.Put(p, first, storetest.Time(1), nil, hashes.Field{Key: "X-Object-Meta-Big", Value: value}))
			path := hashDir(p, first) + "/" + storetest.Time(1).Internal() + ".data"
			var pickle []byte
			for i := range test.pieces {
				pickle = append(pickle, getxattr(t, path, pieceName(i))...)
			}
			if _, err := unix.Getxattr(path, pieceName(test.pieces), nil); err != unix.ENODATA {
				t.Errorf("piece %d: %v", test.pieces, err)
			}
			if sum := getxattr(t, path, "user.swift.metadata_checksum"); string(sum) != hashes.Checksum(pickle) {
				t.Errorf("checksum %s, want %s", sum, hashes.Checksum(pickle))
			}
			if got := read(t, p); got != value {
				t.Errorf("%d bytes came back", len(got))
			}
		})
	}
}

func pieceName(i int) string { return "user.swift.metadata" + []string{"", "1", "2", "3"}[i] }

func getxattr(t *testing.T, path, name string) []byte {
	t.Helper()
	buf := make([]byte, 64<<10)
	n, err := unix.Getxattr(path, name, buf)
	must(t, err)
	return buf[:n]
}

// read is the value of the metadata's X-Object-Meta-Big.
func read(t *testing.T, p *store.Partition) string {
	t.Helper()
	o, err := p.Open(storetest.Hash(first))
	must(t, err)
	defer o.Close()
	value, _ := o.Data.Get("X-Object-Meta-Big")
	return value
}

// What other releases wrote is read: small pieces, no checksum, Python 2's pickle.
func TestMetadataOfOthers(t *testing.T) {
	at := storetest.Time(1)
	md := dataMetadata(first, at, "body", hashes.Field{Key: "X-Object-Meta-Big", Value: "caf\xc3\xa9"})
	python2 := "\x80\x02}q\x01("
	for i, f := range md {
		python2 += "U" + string(rune(len(f.Key))) + f.Key + "q" + string(rune(2*i+2)) +
			"U" + string([]byte{byte(len(f.Value))}) + f.Value + "q" + string(rune(2*i+3))
	}
	python2 += "u."
	cut := func(pickle string, size int) (pieces []string) {
		for len(pickle) > size {
			pieces, pickle = append(pieces, pickle[:size]), pickle[size:]
		}
		return append(pieces, pickle)
	}
	python3 := string(hashes.AppendMetadata(nil, md))
	for _, test := range []struct {
		name   string
		pieces []string
		sum    bool
	}{
		{"Python 3", []string{python3}, true},
		{"no checksum", []string{python3}, false},
		{"pieces of 254", cut(python3, 254), true},
		{"pieces of 254, no checksum", cut(python3, 254), false},
		{"Python 2", []string{python2}, true},
		{"Python 2, pieces of 100, no checksum", cut(python2, 100), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newPartition(t)
			path := plantBare(t, p, first, at.Internal()+".data", "body")
			for i, piece := range test.pieces {
				setxattr(t, path, pieceName(i), piece)
			}
			if test.sum {
				setxattr(t, path, "user.swift.metadata_checksum", hashes.Checksum([]byte(strings.Join(test.pieces, ""))))
			}
			o, err := p.Open(storetest.Hash(first))
			must(t, err)
			defer o.Close()
			if diff := cmp.Diff(md, o.Data); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}
