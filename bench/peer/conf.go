package peer

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The secret that WriteSwiftConf gives a cluster by default.
const (
	DefaultPrefix = "pre"
	DefaultSuffix = "suf"
)

// NeverReclaim is the reclaim age of every helper unless a test asks for
// another: a century, so that a tombstone with a fixed timestamp is as good in
// three years as it is today.
const NeverReclaim = 100 * 365 * 24 * 60 * 60 // seconds

// Option changes what WriteSwiftConf writes.
type Option func(*cluster)

type cluster struct {
	prefix, suffix string
	erasureCoding  bool
}

// WithSecret sets swift_hash_path_prefix and swift_hash_path_suffix.
func WithSecret(prefix, suffix string) Option {
	return func(c *cluster) { c.prefix, c.suffix = prefix, suffix }
}

// WithErasureCoding adds policy 1, "ec": two data fragments and one of parity.
func WithErasureCoding() Option {
	return func(c *cluster) { c.erasureCoding = true }
}

// WriteSwiftConf writes dir/swift.conf: the secret, and policy 0, "gold",
// replicated. Every helper that is given dir as its SwiftDir is part of that
// cluster. No ring is written, since few helpers need one: see BuildRing.
func WriteSwiftConf(dir string, opts ...Option) error {
	c := cluster{prefix: DefaultPrefix, suffix: DefaultSuffix}
	for _, opt := range opts {
		opt(&c)
	}
	if err := os.WriteFile(filepath.Join(dir, "swift.conf"), []byte(c.text()), 0o644); err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	return nil
}

func (c cluster) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[swift-hash]\nswift_hash_path_prefix = %s\nswift_hash_path_suffix = %s\n", c.prefix, c.suffix)
	b.WriteString("\n[storage-policy:0]\nname = gold\ndefault = yes\n")
	if c.erasureCoding {
		b.WriteString(`
[storage-policy:1]
name = ec
policy_type = erasure_coding
ec_type = liberasurecode_rs_vand
ec_num_data_fragments = 2
ec_num_parity_fragments = 1
ec_object_segment_size = 1048576
`)
	}
	return b.String()
}
