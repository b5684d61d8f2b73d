package hashes

import (
	"crypto/md5"
	"errors"
	"fmt"
	"strings"

	"github.com/ringsync/ringsync/proto"
)

// ErrName is returned for a name that is not "/account/container/object".
var ErrName = errors.New("not an object name")

// Secret is what a cluster mixes into its name hashes: the raw bytes of
// swift_hash_path_prefix and swift_hash_path_suffix of swift.conf.
type Secret struct {
	Prefix, Suffix string
}

// Hash returns md5(prefix + name + suffix); name is the full "/a/c/o", as it
// stands in an object's metadata. Source: utils/__init__.py, hash_path.
func (s Secret) Hash(name string) proto.Hash {
	// Names are at most 1,539 bytes long by Swift's default limits (256 +
	// 256 + 1024 and three slashes), but rarely above 200; longer ones move
	// to the heap.
	var room [512]byte

	text := append(room[:0], s.Prefix...)
	text = append(text, name...)
	text = append(text, s.Suffix...)

	return md5.Sum(text)
}

// SplitName takes "/a/c/o" apart; the object may contain slashes. All three
// parts are non-empty, else the error is an [ErrName].
func SplitName(name string) (account, container, object string, err error) {
	rest, rooted := strings.CutPrefix(name, "/")
	account, rest, _ = strings.Cut(rest, "/")
	container, object, _ = strings.Cut(rest, "/")

	if !rooted || account == "" || container == "" || object == "" {
		return "", "", "", fmt.Errorf("%.64q: %w", name, ErrName)
	}

	return account, container, object, nil
}
