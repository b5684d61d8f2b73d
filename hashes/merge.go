package hashes

import (
	"slices"
	"strings"

	"github.com/ringsync/ringsync/proto"
)

const (
	keyContentType     = "Content-Type"
	keyContentTypeTime = "Content-Type-Timestamp"
	keyTimestamp       = "X-Timestamp"
)

// Merge returns the headers of an object whose .data file holds m and whose
// newest .meta file holds meta: those of meta, with what only a PUT may set
// taken from m. User metadata of m is gone, for a POST replaces it. The
// Content-Type is that of m unless meta has one that is not older.
//
// A second .meta file, chosen for its content type, is worked into meta before
// by [Metadata.WithContentType]. Source: diskfile.py, _construct_from_data_file.
func (m Metadata) Merge(meta Metadata) Metadata {
	merged := slices.Clone(meta)
	for _, f := range m {
		if belongsToData(f.Key) {
			merged.Set(f.Key, f.Value)
		}
	}

	ctype, ok := m.Get(keyContentType)
	metaTime, posted := meta.time(keyContentTypeTime)
	dataTime, _ := m.time(keyTimestamp)
	if ok && (!posted || dataTime.After(metaTime)) {
		merged.Set(keyContentType, ctype)
		merged.Del(keyContentTypeTime)
	}

	return merged
}

// WithContentType returns meta with the Content-Type of another .meta file
// where that one is newer, both than meta's own and than the body, whose time
// is data. Source: diskfile.py, _merge_content_type_metadata.
func (m Metadata) WithContentType(other Metadata, data proto.Timestamp) Metadata {
	ctype, ok := other.Get(keyContentType)
	theirs, _ := other.time(keyContentTypeTime)
	ours, _ := m.time(keyContentTypeTime)
	if !ok || !theirs.After(ours) || !theirs.After(data) {
		return m
	}

	merged := slices.Clone(m)
	text, _ := other.Get(keyContentTypeTime)
	merged.Set(keyContentType, ctype)
	merged.Set(keyContentTypeTime, text)

	return merged
}

// time reads a field as a timestamp. False: absent or unreadable, which counts
// as older than everything.
func (m Metadata) time(key string) (proto.Timestamp, bool) {
	text, ok := m.Get(key)
	if !ok {
		return proto.Timestamp{}, false
	}

	t, err := proto.ParseTimestamp(text)

	return t, err == nil
}

// belongsToData reports whether a field is the .data file's to set, and no
// POST's. Source: diskfile.py, RESERVED_DATAFILE_META, DATAFILE_SYSTEM_META.
func belongsToData(key string) bool {
	key = proto.LowerASCII(key)
	switch key {
	case "content-length", "deleted", "etag", "x-static-large-object":
		return true
	default:
		// is_sys_meta asks for a name after the prefix.
		name, ok := strings.CutPrefix(key, "x-object-sysmeta-")
		return ok && name != ""
	}
}
