package hashes

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMerge joins the headers of a .data and a .meta file.
func TestMerge(t *testing.T) {
	data := Metadata{
		{"X-Timestamp", "1700000005.00000"}, {"Content-Type", "text/plain"},
		{"Content-Length", "5"}, {"ETag", "abc"}, {"X-Static-Large-Object", "True"},
		{"X-Object-Sysmeta-Ec-Etag", "def"}, {"X-Object-Meta-Old", "1"},
		{"X-Object-Transient-Sysmeta-Old", "1"}, {"X-Delete-At", "1900000000"}, {"name", "/a/c/o"},
	}
	kept := Metadata{
		{"Content-Length", "5"}, {"ETag", "abc"}, {"X-Static-Large-Object", "True"}, {"X-Object-Sysmeta-Ec-Etag", "def"},
	}
	plain := Field{"Content-Type", "text/plain"}

	for _, test := range []struct {
		what       string
		meta, want Metadata
	}{
		{
			"user metadata is replaced",
			Metadata{{"X-Timestamp", "1700000009.00000"}, {"X-Object-Meta-New", "2"}, {"name", "/a/c/o"}},
			append(Metadata{{"X-Timestamp", "1700000009.00000"}, {"X-Object-Meta-New", "2"}, {"name", "/a/c/o"}, plain}, kept...),
		},
		{
			"a newer content type",
			Metadata{{"Content-Type", "image/png"}, {"Content-Type-Timestamp", "1700000005.00001"}},
			append(Metadata{{"Content-Type", "image/png"}, {"Content-Type-Timestamp", "1700000005.00001"}}, kept...),
		},
		{
			"a content type of the same time stays the meta's",
			Metadata{{"Content-Type", "image/png"}, {"Content-Type-Timestamp", "1700000005.00000"}},
			append(Metadata{{"Content-Type", "image/png"}, {"Content-Type-Timestamp", "1700000005.00000"}}, kept...),
		},
		{
			"an older content type",
			Metadata{{"Content-Type", "image/png"}, {"Content-Type-Timestamp", "1700000004.99999"}},
			append(Metadata{plain}, kept...),
		},
		{
			"what a POST cannot set",
			Metadata{{"Content-Length", "7"}, {"X-Object-Sysmeta-Other", "x"}},
			append(Metadata{{"X-Object-Sysmeta-Other", "x"}, plain}, kept...),
		},
	} {
		got := data.Merge(test.meta)
		if !got.Equal(test.want) {
			t.Errorf("%s (-want +got):\n%s", test.what, cmp.Diff(test.want, got))
		}
	}
}

// TestMergeLeavesInputs: neither file's headers change.
func TestMergeLeavesInputs(t *testing.T) {
	data := Metadata{{"Content-Type", "text/plain"}, {"ETag", "abc"}}
	meta := append(make(Metadata, 0, 9), Field{"ETag", "def"}, Field{"X-Object-Meta-A", "1"})
	data.Merge(meta)

	if diff := cmp.Diff(Metadata{{"ETag", "def"}, {"X-Object-Meta-A", "1"}}, meta[:2]); diff != "" {
		t.Errorf("meta (-want +got):\n%s", diff)
	}
	if got := meta[:3][2]; got != (Field{}) {
		t.Errorf("written behind meta: %v", got)
	}
}

// TestWithContentType works a second .meta file into the first.
func TestWithContentType(t *testing.T) {
	data := timestamp(t, "1700000005.00000")
	other := Metadata{{"Content-Type", "image/png"}, {"Content-Type-Timestamp", "1700000006.00000"}, {"X-Object-Meta-A", "1"}}

	for _, test := range []struct {
		what              string
		meta, other, want Metadata
	}{
		{
			"newer than both",
			Metadata{{"X-Timestamp", "1700000009.00000"}}, other,
			Metadata{{"X-Timestamp", "1700000009.00000"}, {"Content-Type", "image/png"}, {"Content-Type-Timestamp", "1700000006.00000"}},
		},
		{
			"not newer than the first",
			Metadata{{"Content-Type", "a/b"}, {"Content-Type-Timestamp", "1700000006.00000"}}, other,
			Metadata{{"Content-Type", "a/b"}, {"Content-Type-Timestamp", "1700000006.00000"}},
		},
		{
			"not newer than the body",
			Metadata{}, Metadata{{"Content-Type", "image/png"}, {"Content-Type-Timestamp", "1700000005.00000"}},
			Metadata{},
		},
		{"without a content type", Metadata{}, Metadata{{"Content-Type-Timestamp", "1700000006.00000"}}, Metadata{}},
		{"with an unreadable time", Metadata{}, Metadata{{"Content-Type", "a/b"}, {"Content-Type-Timestamp", "x"}}, Metadata{}},
	} {
		if diff := cmp.Diff(test.want, test.meta.WithContentType(test.other, data)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}
