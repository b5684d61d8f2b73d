package hashes

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ringsync/ringsync/proto"
)

// ErrErasureCoded is returned for the digests of an erasure-coded policy,
// which has several for each suffix.
var ErrErasureCoded = errors.New("digests of an erasure-coded policy")

// The keys of hashes.pkl beside the suffixes.
const (
	keyValid   = "valid"
	keyUpdated = "updated"
)

// neverUpdated is the Updated of a file that does not say.
const neverUpdated = -1

// PartitionHashes is the content of hashes.pkl: the digest of each suffix of a
// partition.
type PartitionHashes struct {
	Valid   bool    // false: the suffixes must be listed anew
	Updated float64 // when it was written, in seconds since the epoch; -1: unknown

	Digests Digests
}

// ParseHashesPkl reads hashes.pkl as written by Python 2 or 3 or by
// [AppendHashesPkl]. A file of before Swift 2.13, without its own keys, is
// valid and of unknown age.
//
// A digest that is not 32 hex digits of text is not known: it would never equal a
// peer's. After an error the caller goes on as if there were no file,
// except after [ErrErasureCoded]. Source: diskfile.py, read_hashes.
func ParseHashesPkl(data []byte) (PartitionHashes, error) {
	if h, ok := scanDigests(data); ok {
		return h, nil
	}

	return unpickleHashesPkl(data)
}

func unpickleHashesPkl(data []byte) (PartitionHashes, error) {
	h := PartitionHashes{Valid: true, Updated: neverUpdated}

	d, err := unpickleDict(data)
	if err != nil {
		return PartitionHashes{}, fmt.Errorf("hashes.pkl: %w", err)
	}

	h.Digests = make(Digests, 0, min(len(d.Items), mostSuffixes))
	for _, item := range d.Items {
		if err := h.take(item); err != nil {
			return PartitionHashes{}, fmt.Errorf("hashes.pkl: %w", err)
		}
	}

	return h, nil
}

// take sorts in one item of the dict.
func (h *PartitionHashes) take(item Item) error {
	// Python 3 takes a key of bytes for damage; here it is a Bytes and fails
	// with all the others.
	key, _ := item.Key.(string)
	switch key {
	case keyValid:
		h.Valid = truth(item.Value)
		return nil
	case keyUpdated:
		h.Updated = seconds(item.Value)
		return nil
	}

	suffix, err := proto.ParseSuffix(key)
	if err != nil {
		return fmt.Errorf("key %.64q is no suffix", fmt.Sprint(item.Key))
	}

	digest, err := digestOf(suffix, item.Value)
	h.Digests.Set(digest)

	return err
}

// AppendHashesPkl appends hashes.pkl as Python 3 would write it from a dict in
// the order: valid, the suffixes sorted, updated.
func AppendHashesPkl(dst []byte, h PartitionHashes) []byte {
	n := len(h.Digests) + 2
	p := pickler{dst: slices.Grow(dst, digestsSize(n))}

	p.begin(n)
	p.str(keyValid)
	p.boolean(h.Valid)
	p.wrote(1, n)
	p.digests(h.Digests, 1, n)
	p.str(keyUpdated)
	p.float(h.Updated)
	p.wrote(n, n)

	return p.end()
}

// AppendReplicateAnswer appends the body that answers a REPLICATE for all
// suffixes of a partition; a digest that is not known is sent as None. Source:
// obj/server.py, REPLICATE.
func AppendReplicateAnswer(dst []byte, digests Digests) []byte {
	n := len(digests)
	p := pickler{dst: slices.Grow(dst, digestsSize(n))}
	p.begin(n)
	p.digests(digests, 0, n)

	return p.end()
}

// AppendNone appends the body that answers a REPLICATE which names suffixes:
// they were only invalidated.
func AppendNone(dst []byte) []byte {
	p := pickler{dst: append(dst, opProto, 2)}
	p.none()

	return p.end()
}

// ParseReplicateAnswer reads a peer's answer to REPLICATE, of any Swift
// release; that of [AppendNone] is nil. A digest that is no 32 hex digits of text
// is not known, to be taken as unequal. Keys that are no suffixes are ignored.
// Errors: [ErrErasureCoded], [*PickleError].
func ParseReplicateAnswer(data []byte) (Digests, error) {
	if h, ok := scanDigests(data); ok {
		return h.Digests, nil
	}

	return unpickleReplicateAnswer(data)
}

func unpickleReplicateAnswer(data []byte) (Digests, error) {
	v, err := unpickleText(data)
	if err != nil {
		return nil, fmt.Errorf("answer to REPLICATE: %w", err)
	}
	if v == nil {
		return nil, nil
	}

	d, err := asDict(v)
	if err != nil {
		return nil, fmt.Errorf("answer to REPLICATE: %w", err)
	}

	digests := make(Digests, 0, min(len(d.Items), mostSuffixes))
	for _, item := range d.Items {
		key, _ := item.Key.(string)
		suffix, err := proto.ParseSuffix(key)
		if err != nil {
			continue
		}
		digest, err := digestOf(suffix, item.Value)
		if err != nil {
			return nil, fmt.Errorf("answer to REPLICATE: %w", err)
		}
		digests.Set(digest)
	}

	return digests, nil
}

// digests writes the pairs of a dict of n items, of which done are written.
func (p *pickler) digests(digests Digests, done, n int) {
	for i, d := range digests {
		p.suffix(d.Suffix)
		if d.Known {
			p.hash(d.Sum)
		} else {
			p.none()
		}
		p.wrote(done+i+1, n)
	}
}

// suffix writes the text of a suffix.
func (p *pickler) suffix(s proto.Suffix) {
	p.dst = append(p.dst, opBinUnicode, 3, 0, 0, 0)
	p.dst = s.AppendTo(p.dst)
	p.put()
}

// hash writes the text of a digest.
func (p *pickler) hash(h proto.Hash) {
	p.dst = append(p.dst, opBinUnicode, 2*byte(len(h)), 0, 0, 0)
	p.dst = h.AppendTo(p.dst)
	p.put()
}

// digestsSize is the size of a pickle with n digests: 10 and 42 bytes with
// numbers of one byte, 3 more each for wider ones; 64 for all else.
func digestsSize(n int) int { return 64 + n*58 }

func unpickleDict(data []byte) (*Dict, error) {
	v, err := unpickleText(data)
	if err != nil {
		return nil, err
	}

	return asDict(v)
}

func asDict(v Value) (*Dict, error) {
	if d, ok := v.(*Dict); ok {
		return d, nil
	}

	return nil, &PickleError{Reason: fmt.Sprintf("a value of type %T instead of a dict", v)}
}

// digestOf returns the digest of a suffix, not known if it has to be made again.
func digestOf(suffix proto.Suffix, v Value) (d Digest, err error) {
	d.Suffix = suffix
	switch v := v.(type) {
	case string:
		d.Sum, err = proto.ParseHash(v)
		d.Known = err == nil
	case *Dict:
		return d, ErrErasureCoded
	}

	return d, nil
}

// truth is Python's bool() of a scalar.
func truth(v Value) bool {
	switch v := v.(type) {
	case bool:
		return v
	case int64:
		return v != 0
	default:
		return false
	}
}

func seconds(v Value) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case int64:
		return float64(v)
	default:
		return neverUpdated
	}
}
