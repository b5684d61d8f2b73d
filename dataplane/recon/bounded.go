package recon

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

const (
	// maxProc bounds a file of /proc. A machine with ten thousand mounts has a
	// /proc/mounts of about one MiB.
	maxProc = 4 << 20
	// maxCache bounds a recon cache file: the largest part, one entry for each
	// disk and daemon, takes some 500 bytes.
	maxCache = 16 << 20
	// maxSummed bounds a file that is only summed; rings of the largest
	// clusters have some hundred MB.
	maxSummed = 1 << 30
	// maxNames bounds a listing: of devices, and of what is below quarantined.
	maxNames = 10_000
)

var errTooLarge = errors.New("larger than it can ever be")

// readFile reads a whole file of at most max bytes.
func readFile(path string, max int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, max)
}

func readAll(r io.Reader, max int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, max+1))
	if err == nil && int64(len(data)) > max {
		return nil, errTooLarge
	}
	return data, err
}

// listNames lists a directory, sorted. More than maxNames are an error.
func listNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(maxNames + 1)
	if err == io.EOF {
		err = nil
	}
	if err == nil && len(names) > maxNames {
		return nil, fmt.Errorf("%s: more than %d names", dir, maxNames)
	}
	slices.Sort(names)
	return names, err
}
