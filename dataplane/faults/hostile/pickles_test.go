package hostile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// Pickles that would run code, nest without end or ask for all memory lie where a
// node reads pickles. In hashes.pkl they count for nothing, and digests are found
// out anew; as an object's metadata they put it to quarantine, and it is wanted.
func TestPickles(t *testing.T) {
	for _, c := range readCorpus(t, "testdata/pickles.txt") {
		t.Run(c.name, func(t *testing.T) {
			devices := storetest.Devices(t)
			p := faultstest.Partition(t, devices)
			fillOne(t, p)
			digests, err := p.Digests(t.Context(), nil, true)
			if err != nil {
				t.Fatal(err)
			}
			want := hashes.AppendReplicateAnswer(nil, digests)
			if err := os.WriteFile(filepath.Join(p.Path(), "hashes.pkl"), c.bytes, 0o644); err != nil {
				t.Fatal(err)
			}
			before := heap()
			node := faultstest.Start(t, faultstest.Store(t, devices, nil))
			if answer := ask(t, node.Address, []byte("REPLICATE /d1/0 HTTP/1.1\r\n\r\n")); !bytes.HasSuffix([]byte(answer), want) {
				t.Errorf("%.300q, want %q behind it", answer, want)
			}
			plant(t, p, c.bytes)
			check := bytes.Replace(goodCheck(), []byte(":UPDATES: START"), []byte("0\r\n\r\n"), 1)
			if answer := ask(t, node.Address, check); !strings.Contains(answer, objectHash+" dm") {
				t.Errorf("%.300q, where the object has to be wanted", answer)
			}
			if _, err := os.Stat(filepath.Join(devices, "d1/quarantined/objects", objectHash)); err != nil {
				t.Error(err)
			}
			if grown := heap() - before; grown > 128<<20 {
				t.Errorf("%d MiB of heap", grown>>20)
			}
		})
	}
}

// plant puts a pickle in the place of /a/c/o's metadata, with a checksum that fits.
func plant(t *testing.T, p *store.Partition, pickle []byte) {
	t.Helper()
	path := filepath.Join(p.Path(), storetest.Hash("/a/c/o").Suffix().String(), objectHash, storetest.Time(1).Internal()+".data")
	pieces := map[string][]byte{"user.swift.metadata_checksum": []byte(hashes.Checksum(pickle)), "user.swift.metadata": pickle[:min(len(pickle), 65536)]}
	if len(pickle) > 65536 {
		pieces["user.swift.metadata1"] = pickle[65536:]
	}
	for name, value := range pieces {
		if err := unix.Setxattr(path, name, value, 0); err != nil {
			t.Fatal(err)
		}
	}
}
