package ssync

import (
	"fmt"
	"strings"

	"github.com/ringsync/ringsync/proto"
)

// Verify is the weakest way of holding a body against what it should be that one
// end of a session allows. Two of ours take the weakest that both allow; with
// anybody else it is MD5. Which one a body was held against tells Verified.
type Verify string

// The ways, the strongest first. The zero value is VerifyStored.
const (
	// VerifyMD5: the receiver reckons the body's MD5 and compares its ETag, as Swift.
	VerifyMD5 Verify = "md5"
	// VerifyStored: where the sender has an xxhash64 of the body that was stored when
	// its MD5 was checked, he announces it, and the receiver compares that. It covers
	// what the MD5 does, the sender's disk, the network and the receiver's memory, but
	// for an enemy who makes bodies to fit, and costs a third of the CPU of both sides
	// together: see BENCHMARKS.md, L with stored digests.
	VerifyStored Verify = "stored"
	// VerifyNone: what arrives is stored and marked, and no object that was sent so is
	// proven. A session that checks asks for what is marked once more.
	VerifyNone Verify = "none"
)

// ParseVerify reads a flag's value.
func ParseVerify(text string) (Verify, error) {
	switch v := Verify(strings.ToLower(text)); v {
	case VerifyMD5, VerifyStored, VerifyNone:
		return v, nil
	}
	return "", fmt.Errorf("%.32q: md5, stored or none", text)
}

// features are what this end can do and allows.
func (v Verify) features() proto.Features {
	f := proto.FeatureXXH64 | proto.FeatureResults
	switch v {
	case VerifyMD5:
		return f
	case VerifyNone:
		return f | proto.FeatureStored | proto.FeatureNone
	}
	return f | proto.FeatureStored
}

// agree is what of the features asked for a session has. A sum needs chunks to stand
// in, and an announcement the sum beside it.
func (v Verify) agree(asked proto.Features, chunked bool) proto.Features {
	f := asked & v.features()
	if !chunked {
		f &^= proto.FeatureXXH64
	}
	if !f.Has(proto.FeatureXXH64) {
		f &^= proto.FeatureStored
	}
	return f
}

// Way is what one body was held against.
type Way string

// The ways. Small is MD5 for a body of 64 KiB or less, beside which no xxhash64 is
// ever stored: the attribute would cost more than it saves.
const (
	WayMD5    Way = "md5"
	WayStored Way = "stored"
	WayNone   Way = "none"
	WaySmall  Way = "small"
)

// Verified counts bodies by what they were held against, at the receiver.
type Verified struct {
	MD5    int `json:"md5"`
	Stored int `json:"stored"`
	None   int `json:"none"`
	Small  int `json:"small"`
}

// Add sums up.
func (v *Verified) Add(other Verified) {
	v.MD5 += other.MD5
	v.Stored += other.Stored
	v.None += other.None
	v.Small += other.Small
}

// String tells all four: "md5 3, stored 4, none 0, small 12".
func (v Verified) String() string {
	return fmt.Sprintf("md5 %d, stored %d, none %d, small %d", v.MD5, v.Stored, v.None, v.Small)
}

func (v *Verified) count(way Way) {
	switch way {
	case WayMD5:
		v.MD5++
	case WayStored:
		v.Stored++
	case WayNone:
		v.None++
	case WaySmall:
		v.Small++
	}
}

// wayOf is what a body of size bytes is held against; stored tells that there is an
// xxhash64 of it.
func wayOf(f proto.Features, size int64, stored bool) Way {
	switch {
	case f.Has(proto.FeatureNone):
		return WayNone
	case size <= wholeBytes:
		return WaySmall
	case f.Has(proto.FeatureStored) && stored:
		return WayStored
	}
	return WayMD5
}
