package verify

import (
	"encoding/hex"
	"time"
	"unicode/utf8"

	"github.com/ringsync/ringsync/proto"
)

// Inspection is what one hash directory holds, and whether it may be trusted.
type Inspection struct {
	Path      string `json:"path"`
	Hash      string `json:"hash"`
	Policy    int    `json:"policy"`
	Kind      string `json:"policy_type"`
	Partition string `json:"partition,omitempty"`

	State string `json:"state"` // object, tombstone, fragments, nothing
	Name  string `json:"name,omitempty"`
	Data  *Time  `json:"data,omitempty"`
	Meta  *Time  `json:"meta,omitempty"`  // only if a .meta counts
	CType *Time  `json:"ctype,omitempty"` // only if a .meta sets the content type

	Files    []InspectedFile `json:"files"`
	Problems []string        `json:"problems,omitempty"` // for which it is not sound
	Remarks  []string        `json:"remarks,omitempty"`  // which an operator may wonder about

	Sound   bool   `json:"sound"`
	Verdict string `json:"verdict"`
}

// Time is a timestamp for a reader.
type Time struct {
	Internal string `json:"internal"`
	Offset   uint64 `json:"offset,omitempty"`
	At       string `json:"at"`
}

// timeLayout has the digits that a timestamp has.
const timeLayout = "2006-01-02 15:04:05.00000 UTC"

func timeOf(t proto.Timestamp) *Time {
	return &Time{Internal: t.Internal(), Offset: t.Offset, At: t.Time().Format(timeLayout)}
}

// Roles of a file in its directory.
const (
	RoleCounts     = "counts"
	RoleObsolete   = "obsolete"    // superseded: anybody who opens the object removes it
	RoleNoEffect   = "no effect"   // kept until it is as old as reclaim_age
	RoleUnexpected = "unexpected"  // a name that no Swift writes; never removed
	RoleNotJudged  = "not judged"  // of an erasure-coded policy
	RoleReclaim    = "reclaimable" // counts, or has no effect, and is older than reclaim_age: to be removed
)

// InspectedFile is one name of a hash directory.
type InspectedFile struct {
	Name     string    `json:"name"`
	Role     string    `json:"role"`
	Time     *Time     `json:"time,omitempty"`
	CType    *Time     `json:"ctype,omitempty"`    // that a .meta's name carries
	Fragment *int      `json:"fragment,omitempty"` // index
	Durable  bool      `json:"durable,omitempty"`  // fragment
	Bytes    int64     `json:"bytes"`
	Mode     string    `json:"mode,omitempty"`
	Modified time.Time `json:"modified"`

	Xattrs   int     `json:"xattrs"`         // pieces of metadata
	Pickle   int     `json:"metadata_bytes"` // all of them together
	Checksum string  `json:"checksum"`       // fits, none, or what is wrong
	Metadata []Field `json:"metadata,omitempty"`
	MD5      string  `json:"md5,omitempty"` // of the body, if it was read

	StoredSum string `json:"stored_xxh64,omitempty"` // that ringsync stored beside the body
	Unchecked bool   `json:"unchecked,omitempty"`    // ringsync landed the body and held it against nothing

	problems []string
}

// Field is a stored header. Hex is there where the value is no UTF-8, which
// JSON can't say.
type Field struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	Hex   string `json:"hex,omitempty"`
}

func fieldOf(key, value string) Field {
	f := Field{Key: key, Value: value}
	if !utf8.ValidString(value) {
		f.Hex = hex.EncodeToString([]byte(value))
	}
	return f
}
