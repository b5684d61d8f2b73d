package verify

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// openRegular opens a plain file for reading, without a trace of it: no link is
// followed, nothing is waited for, and the time of access stays, if the file is
// ours.
func openRegular(path string) (*os.File, error) {
	const flags = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	f, err := os.OpenFile(path, flags|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		f, err = os.OpenFile(path, flags, 0)
	}
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("no plain file, but %s", st.Mode())
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// without takes the path out of an error: a name from a disk may hold anything,
// and whoever prints the error has named the file already.
func without(err error) error {
	var call *os.PathError
	if errors.As(err, &call) {
		return fmt.Errorf("%s: %w", call.Op, call.Err)
	}
	return err
}

// maxPieces bounds the xattrs that metadata may be cut into: with the 254 bytes
// of 2013 that is 16 KiB, and what Swift accepts pickles to less.
const maxPieces = 64

// stored is metadata as it lies in the xattrs.
type stored struct {
	pickle []byte
	pieces int
	sum    string // the checksum; empty: none is there
}

// readStored reads a file's metadata, however many pieces it is cut into.
func readStored(f *os.File) (s stored, err error) {
	for {
		name := "user.swift.metadata"
		if s.pieces > 0 {
			name += strconv.Itoa(s.pieces)
		}
		piece, err := fileXattr(f, name)
		if errors.Is(err, unix.ENODATA) {
			break
		}
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		if s.pieces == maxPieces {
			return s, fmt.Errorf("metadata in more than %d pieces", maxPieces)
		}
		s.pickle = append(s.pickle, piece...)
		s.pieces++
	}
	sum, err := fileXattr(f, "user.swift.metadata_checksum")
	if err != nil && !errors.Is(err, unix.ENODATA) {
		return s, fmt.Errorf("checksum of the metadata: %w", err)
	}
	s.sum = string(sum)
	return s, nil
}

func fileXattr(f *os.File, name string) ([]byte, error) {
	buf := make([]byte, 64<<10) // the largest value there is
	n, err := unix.Fgetxattr(int(f.Fd()), name, buf)
	if err != nil {
		return nil, err
	}
	return buf[:n], nil
}

// parse checks and reads it.
func (s stored) parse() (hashes.Metadata, error) {
	if s.pieces == 0 {
		return nil, errors.New("no metadata")
	}
	if s.sum != "" && s.sum != hashes.Checksum(s.pickle) {
		return nil, fmt.Errorf("metadata does not match its checksum %.32q", s.sum)
	}
	return hashes.ParseMetadata(s.pickle)
}
