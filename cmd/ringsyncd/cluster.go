package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"

	"github.com/ringsync/ringsync/dataplane/config"
	"github.com/ringsync/ringsync/hashes"
)

// etcSwift is where every Swift before 2.37 reads swift.conf, and its daemons
// still do, whatever swift_dir says: for those it moves the rings only.
const etcSwift = "/etc/swift"

// readCluster reads the swift.conf of swift_dir. A swift_dir of the file's may
// have none; then it is the one that Swift has been reading all along.
func readCluster(log *slog.Logger, s *config.Resolved) (*hashes.Cluster, error) {
	if s.Source("swift_dir") == config.FromFile {
		return readClusterOr(log, s.SwiftDir, etcSwift)
	}
	return readSwiftConf(s.SwiftDir)
}

func readClusterOr(log *slog.Logger, dir, otherwise string) (*hashes.Cluster, error) {
	cluster, err := readSwiftConf(dir)
	if dir == otherwise {
		return cluster, err
	}
	other, otherErr := readSwiftConf(otherwise)
	switch {
	case errors.Is(err, fs.ErrNotExist) && otherErr == nil:
		log.Warn("swift_dir has no swift.conf; the one of "+otherwise+" counts, as for Swift before 2.37", "swift_dir", dir)
		return other, nil
	case err == nil && otherErr == nil && !reflect.DeepEqual(cluster, other):
		log.Warn("two swift.conf differ: that of swift_dir counts, but Swift before 2.37, and its daemons, read the other",
			"swift_dir", dir, "other", otherwise)
	}
	return cluster, err
}

func readSwiftConf(dir string) (*hashes.Cluster, error) {
	path := filepath.Join(dir, "swift.conf")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("swift_dir: %w", err)
	}
	cluster, err := hashes.ParseSwiftConf(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cluster, nil
}
