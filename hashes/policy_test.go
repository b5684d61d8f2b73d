package hashes

import "testing"

func TestPolicyNames(t *testing.T) {
	for _, test := range []struct {
		index              int
		data, tmp, ringful string
	}{
		{0, "objects", "tmp", "object"},
		{1, "objects-1", "tmp-1", "object-1"},
		{10, "objects-10", "tmp-10", "object-10"},
	} {
		p := Policy{Index: test.index}
		if p.DataDir() != test.data || p.TmpDir() != test.tmp || p.RingName() != test.ringful {
			t.Errorf("%d: got %s, %s, %s", test.index, p.DataDir(), p.TmpDir(), p.RingName())
		}
	}
}
