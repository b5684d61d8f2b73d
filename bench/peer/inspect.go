package peer

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// What an object is, in Swift's eyes.
const (
	StateData    = "data"    // it opens, and its bytes are what its metadata says
	StateDeleted = "deleted" // a tombstone
	StateAbsent  = "absent"  // files, or none, but no object
	StateError   = "error"   // Swift would quarantine it; see Object.Error
)

// Object is one hash directory as Swift's diskfile resolves it. Timestamps are
// in internal form; metadata are wire bytes.
type Object struct {
	State        string            `json:"state"`
	Error        string            `json:"error"`
	Name         string            `json:"name"`
	DataTS       string            `json:"data_ts"`
	TS           string            `json:"ts"` // the newest: .meta's, else .data's; or the tombstone's
	CTypeTS      string            `json:"ctype_ts"`
	Metadata     map[string]string `json:"metadata"` // merged; or the tombstone's
	DataMetadata map[string]string `json:"data_metadata"`
	MetaMetadata map[string]string `json:"meta_metadata"` // nil without a .meta
	MD5          string            `json:"md5"`           // of the bytes read
	Size         int64             `json:"size"`          // bytes read
	Files        []string          `json:"files"`         // sorted

	// Stored is each file's own metadata, the bytes in its xattr: what Swift
	// encodes once more than a wire value. A value that is not a string shows
	// its type, as "int(1)".
	Stored map[string]map[string]string `json:"stored"`
}

// Partition is what Swift knows of a partition's suffixes. The digests of an
// erasure-coded one read "None:<digest> 0:<digest> …".
type Partition struct {
	Fresh   map[string]string `json:"fresh"`   // computed now, by suffix; empty suffixes left out
	Stored  map[string]string `json:"stored"`  // in hashes.pkl; "": to be computed
	Valid   bool              `json:"valid"`   // hashes.pkl was readable and says so
	Invalid []string          `json:"invalid"` // lines of hashes.invalid
}

// Tree is a device, seen by Swift, for one policy.
type Tree struct {
	Objects     map[string]Object    `json:"objects"` // by "<partition>/<hash>"
	Partitions  map[string]Partition `json:"partitions"`
	Leftovers   []string             `json:"leftovers"`   // temporary and foreign files, relative to the device
	Quarantined []string             `json:"quarantined"` // names under quarantined/
}

// Inspect lets Swift's own code read everything that a policy has on a device:
// names, metadata, every body, and the suffix digests. It changes nothing
// there: where Swift would tidy or quarantine, the tree only says so.
func (s *Swift) Inspect(ctx context.Context, swiftDir, devices, device string, policy int) (*Tree, error) {
	tree := new(Tree)
	request := map[string]any{
		"swift_dir": swiftDir, "devices": devices, "device": device,
		"policy": policy, "reclaim_age": NeverReclaim,
	}
	if err := s.ask(ctx, swiftDir, "inspect_tree.py", request, tree); err != nil {
		return nil, err
	}
	for key, o := range tree.Objects {
		tree.Objects[key] = o.toBytes()
	}
	return tree, nil
}

func (o Object) toBytes() Object {
	o.Name = unLatin1(o.Name)
	o.Metadata = each(o.Metadata, unLatin1)
	o.DataMetadata = each(o.DataMetadata, unLatin1)
	o.MetaMetadata = each(o.MetaMetadata, unLatin1)
	for file, metadata := range o.Stored {
		o.Stored[file] = each(metadata, unLatin1)
	}
	return o
}

// Named finds an object or a tombstone by "/account/container/object"; key is
// "<partition>/<hash>".
func (t *Tree) Named(name string) (key string, o Object, ok bool) {
	for key, o := range t.Objects {
		if o.Name == name {
			return key, o, true
		}
	}
	return "", Object{}, false
}

// Stale lists the suffixes whose digest in hashes.pkl counts as current and is
// not what Swift computes now: objects there would not be replicated. Each
// reads "<partition>/<suffix>: <stored> is not <fresh>".
func (t *Tree) Stale() []string {
	var stale []string
	for number, p := range t.Partitions {
		for suffix, digest := range p.Stored {
			if p.Valid && digest != "" && digest != p.Fresh[suffix] && !slices.Contains(p.Invalid, suffix) {
				stale = append(stale, fmt.Sprintf("%s/%s: %s is not %s", number, suffix, digest, p.Fresh[suffix]))
			}
		}
	}
	slices.SortFunc(stale, strings.Compare)
	return stale
}
