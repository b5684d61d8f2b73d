package recon

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// ringMD5 sums the rings that are there: of accounts, containers and each
// policy's objects. Source: recon.py, get_ring_md5.
func (r *Recon) ringMD5() (any, error) {
	names := []string{"account", "container"}
	for _, p := range r.cfg.Policies {
		name := "object"
		if p.Index > 0 {
			name += "-" + strconv.Itoa(p.Index)
		}
		names = append(names, name)
	}
	sums := map[string]any{}
	var failures []error
	for _, name := range names {
		path := filepath.Join(r.cfg.SwiftDir, name+".ring.gz")
		if _, err := os.Stat(path); err != nil {
			continue
		}
		sum, err := sumOf(path)
		sums[path] = sum
		failures = append(failures, err)
	}
	return sums, errors.Join(failures...)
}

// swiftConfMD5 sums swift.conf. Source: recon.py, get_swift_conf_md5.
func (r *Recon) swiftConfMD5() (any, error) {
	path := filepath.Join(r.cfg.SwiftDir, "swift.conf")
	sum, err := sumOf(path)
	return map[string]any{path: sum}, err
}

// sumOf is a file's MD5 in hex, nil where it can't be had. A file that has gone
// is no error.
func sumOf(path string) (any, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	digest := md5.New()
	n, err := io.Copy(digest, io.LimitReader(f, maxSummed+1))
	if err == nil && n > maxSummed {
		err = &fs.PathError{Op: "sum", Path: path, Err: errTooLarge}
	}
	if err != nil {
		return nil, err
	}
	return hex.EncodeToString(digest.Sum(nil)), nil
}
