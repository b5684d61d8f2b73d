package proto

import "strings"

// FeaturesHeader names, in the head of an SSYNC request, what the sender can do
// beyond Swift's dialogue, and in the head of the answer what of it the receiver
// agrees to. Who doesn't know the header leaves all as it was.
const FeaturesHeader = "X-Ringsync-Features"

// Features is a set of such words.
type Features uint8

// The features.
const (
	// FeatureXXH64: every chunk of both directions carries an Extension, but for
	// those that are nothing but bytes of a body longer than 64 KiB.
	FeatureXXH64 Features = 1 << iota
	// FeatureResults: wanted lines may come before the sender's END line.
	FeatureResults
	// FeatureStored: a body may be held against an announced xxhash64 instead of
	// its ETag.
	FeatureStored
	// FeatureNone: bodies are held against nothing.
	FeatureNone
)

// featureWords are in the order of the bits.
var featureWords = [...]string{"xxh64", "results", "stored", "none"}

// ParseFeatures reads a header's value: words with commas and blanks between them.
// Words that are not known are passed over, which is how there can be new ones.
func ParseFeatures(value string) (f Features) {
	for word := range strings.SplitSeq(value, ",") {
		for bit, known := range featureWords {
			if strings.TrimSpace(word) == known {
				f |= 1 << bit
			}
		}
	}
	return f
}

// Has tells whether all of some features are in f.
func (f Features) Has(some Features) bool { return f&some == some }

// String is the header's value: "xxh64,results".
func (f Features) String() string {
	var words []string
	for bit, word := range featureWords {
		if f.Has(1 << bit) {
			words = append(words, word)
		}
	}
	return strings.Join(words, ",")
}
