package contestant

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/ringsync/ringsync/hashes/ring"
)

// The ring gives every partition to both, or, where the sender is a handoff, to the
// receiver alone.
func TestWriteRing(t *testing.T) {
	for _, handoff := range []bool{false, true} {
		j := &Job{SwiftDir: t.TempDir(), Device: "d1", PartPower: 6, Handoff: handoff}
		if err := j.writeRing("127.0.0.1:6300"); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(filepath.Join(j.SwiftDir, "object.ring.gz"))
		if err != nil {
			t.Fatal(err)
		}
		r, err := ring.Read(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if r.Partitions() != 64 {
			t.Errorf("%d partitions", r.Partitions())
		}
		for p := range uint32(64) {
			addresses := map[string]bool{}
			for _, d := range r.Primaries(p) {
				addresses[d.ReplicationAddress()+"/"+d.Name] = true
			}
			if !addresses["127.0.0.1:6300/d1"] || addresses[senderAddress+"/d1"] == handoff {
				t.Errorf("partition %d, handoff %v: %v", p, handoff, addresses)
			}
		}
	}
	for _, address := range []string{"", "127.0.0.1", "127.0.0.1:http"} {
		if err := (&Job{SwiftDir: t.TempDir()}).writeRing(address); err == nil {
			t.Errorf("a ring with %q", address)
		}
	}
}

// What a pass took is what its replicator says; one that says nothing, or more than
// its process took, is an error.
func TestPassedByRecon(t *testing.T) {
	const said = `{"object_replication_time": 0.05, "replication_stats": {"attempted": 64, "failure": 0, "hashmatch": 64, "remove": 0, "rsync": 0}}`
	for _, test := range []struct {
		recon string
		ok    bool
	}{{said, true}, {"", false}, {"{}", false}, {`{"object_replication_time": 0.2}`, false}} {
		j := &Job{Dir: t.TempDir()}
		if err := os.WriteFile(j.reconCache(), []byte(test.recon), 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := j.passed(Sent{Seconds: 4}, 4)
		if (err == nil) != test.ok {
			t.Errorf("%q: %v", test.recon, err)
		}
		if test.ok && (s.Seconds != 0.05*60 || s.Process != 4 || s.Pass.Stats.Attempted != 64 || s.Pass.Stats.HashMatch != 64 || s.Offered != -1) {
			t.Errorf("%+v, %+v", s, s.Pass)
		}
	}
	if _, err := (&Job{Dir: t.TempDir()}).passed(Sent{}, 4); err == nil {
		t.Error("nothing was said")
	}
}
