package interop_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/proto"
)

// damaged are hash directories in which something is, or could be, wrong.
func damaged() map[string][]peer.Op {
	file := func(ext string, headers map[string]string) peer.Op {
		op := peer.Op{Op: peer.Raw, File: t1 + ext, Headers: map[string]string{"X-Timestamp": t1}}
		if ext == ".data" {
			op.Body = []byte("abc")
			op.Headers["Content-Length"], op.Headers["ETag"], op.Headers["Content-Type"] = "3", "900150983cd24fb0d6963f7d28e17f72", "text/plain"
		}
		if ext == ".meta" {
			op.File, op.Headers["X-Timestamp"] = t2+ext, t2
		}
		maps.Copy(op.Headers, headers)
		maps.DeleteFunc(op.Headers, func(_, v string) bool { return v == "-" })
		return op
	}
	bare := func(ext string) peer.Op { return peer.Op{Op: peer.Raw, File: t1 + ext, Body: []byte("abc")} }
	with := func(key, value string) map[string]string { return map[string]string{key: value} }
	list := map[string][]peer.Op{}
	for _, ext := range []string{".data", ".ts", ".meta"} {
		for name, headers := range map[string]map[string]string{
			"sound": nil, "without a name": with("name", "-"), "with another's name": with("name", "/AUTH_a/c/other"),
			"without a time": with("X-Timestamp", "-"), "with a strange time": with("X-Timestamp", "now"), "with another time": with("X-Timestamp", t3),
			"with an expiry of letters": with("X-Delete-At", "soon"), "with an empty expiry": with("X-Delete-At", ""), "with an expiry in blanks": with("X-Delete-At", " 4000000000 "),
			"with a fractional expiry": with("X-Delete-At", "1.5"), "with a negative expiry": with("X-Delete-At", "-5"), "with a strange type time": with("Content-Type-Timestamp", "now"),
		} {
			ops := []peer.Op{file(ext, headers)}
			if ext == ".meta" {
				ops = append(ops, file(".data", nil))
			}
			list[ext+" "+name] = ops
		}
		list[ext+" without metadata"] = []peer.Op{bare(ext)}
		if ext == ".meta" {
			list[ext+" without metadata"] = []peer.Op{{Op: peer.Raw, File: t2 + ext}, file(".data", nil)}
		}
	}
	for name, value := range map[string]string{"no": "-", "an empty": "", "a wrong": "4", "a negative": "-3", "a signed": "+3", "a padded": " 03 ", "a fractional": "3.0"} {
		list["data with "+name+" length"] = []peer.Op{file(".data", with("Content-Length", value))}
	}
	list["data without an ETag"] = []peer.Op{file(".data", with("ETag", "-"))}
	list["data without a content type"] = []peer.Op{file(".data", with("Content-Type", "-"))}
	list["data with a strange expiry below metadata"] = []peer.Op{file(".data", with("X-Delete-At", "soon")), file(".meta", nil)}
	list["data with a strange length below metadata"] = []peer.Op{file(".data", with("Content-Length", "x")), file(".meta", nil)}
	list["data with another's name below metadata"] = []peer.Op{file(".data", with("name", "/AUTH_a/c/other")), file(".meta", nil)}
	list["data without a name below metadata"] = []peer.Op{file(".data", with("name", "-")), file(".meta", nil)}
	return list
}

// Where Swift and we judge otherwise: what it is for Swift, and for us.
var judgedOtherwise = map[string]struct{ swift, ours, why string }{
	".ts without metadata":                    {"absent", "error", "Swift moves it away as well, and says that nothing was there"},
	".ts without a name":                      {"deleted", "error", "it can't be sent: nobody knows what was deleted"},
	".ts with another's name":                 {"deleted", "error", "sent, it would delete the other one"},
	".ts without a time":                      {"deleted", "error", "sent, it would delete nothing"},
	"data with another's name below metadata": {"data", "error", "the body is another's, whatever the .meta says"},
	"data without an ETag":                    {"error", "data", "Swift breaks when it reads it, and leaves it where it is"},
	".data with a strange type time":          {"error", "data", "Swift breaks on a key that belongs to a .meta"},
}

// What Swift takes for damaged we take for damaged, and the other way round.
func TestDamagedAsSwift(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	devices := disk(t)
	var ops []peer.Op
	hashes := map[string]string{} // by case
	for what, files := range damaged() {
		name := fmt.Sprintf("/AUTH_a/c/%d", len(hashes))
		hashes[what] = hashOf(name)
		for _, op := range files {
			op.Name = name
			if _, given := op.Headers["name"]; !given && op.Headers != nil && !strings.Contains(what, "without a name") {
				op.Headers["name"] = name
			}
			ops = append(ops, op)
		}
	}
	if err := r.swift.Fill(t.Context(), r.swiftDir, devices, device, ops); err != nil {
		t.Fatal(err)
	}
	for what := range judgedOtherwise {
		if hashes[what] == "" {
			t.Errorf("%s: not among the cases", what)
		}
	}
	theirs := r.inspect(devices)
	d, err := r.store(devices, func(c *store.Config) { c.QuarantinesPerMin = 1000 }).Device(device)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	p := d.Partition(r.cluster.Policies[0], 0)
	for what, hash := range hashes {
		h, err := proto.ParseHash(hash)
		if err != nil {
			t.Fatal(err)
		}
		o, err := p.Open(h)
		ours := "data"
		var q *store.QuarantinedError
		switch {
		case errors.As(err, &q):
			ours = "error"
		case errors.Is(err, store.ErrNotExist):
			ours = "absent"
		case err != nil:
			ours = err.Error()
		case o.Tombstone:
			ours = "deleted"
		}
		if err == nil {
			o.Close()
		}
		swift := theirs.Objects["0/"+hash]
		wantSwift, wantOurs := swift.State, swift.State
		if otherwise, known := judgedOtherwise[what]; known {
			wantSwift, wantOurs = otherwise.swift, otherwise.ours
		}
		if swift.State != wantSwift || ours != wantOurs {
			t.Errorf("%s: for Swift it is %s (%s), for us %s (%v); want %s and %s", what, swift.State, swift.Error, ours, err, wantSwift, wantOurs)
		}
	}
}
