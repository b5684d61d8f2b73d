package store

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

// Swift keeps an object's metadata in xattrs, as a pickle cut in pieces, with the
// MD5 of the whole in one of its own (since 2.16.0). Source: diskfile.py,
// read_metadata and write_metadata.
const (
	xattrMetadata = "user.swift.metadata"
	xattrChecksum = "user.swift.metadata_checksum"

	// xattrPiece is the size of a piece, and the largest value the kernel takes.
	xattrPiece = 65536
	// xattrPieces bounds what is read: the largest request head Swift accepts
	// (extra headers included) pickles to far less.
	xattrPieces = 64
	// xattrFirst is tried first, since the kernel allocates as much as is asked for.
	xattrFirst = 2048
)

// errNoMetadata tells that a file has no metadata xattr at all.
var errNoMetadata = errors.New("no metadata")

// corruptError tells that what a file says of itself can't be true. The object
// is to be quarantined.
type corruptError struct{ reason string }

func (e *corruptError) Error() string { return e.reason }

func corrupt(format string, args ...any) error { return &corruptError{fmt.Sprintf(format, args...)} }

// readMetadata reads and checks a file's metadata.
func (f *file) readMetadata() (hashes.Metadata, error) {
	var sumBuf [64]byte
	n, err := f.getxattr(xattrChecksum, sumBuf[:])
	switch {
	case errors.Is(err, unix.ENODATA):
		n = 0
	case errors.Is(err, unix.ERANGE):
		return nil, corrupt("checksum of the metadata is over-long")
	case err != nil:
		return nil, err
	}
	want := sumBuf[:n]

	var first [xattrFirst]byte // mostly all of it
	pickle, fits := first[:0], false
	for piece := 0; ; piece++ {
		if piece == xattrPieces {
			return nil, corrupt("metadata in more than %d pieces", xattrPieces)
		}
		pickle, err = f.appendPiece(pickle, piece)
		if errors.Is(err, unix.ENODATA) {
			break
		}
		if err != nil {
			return nil, err
		}
		if fits = n > 0 && sumIs(pickle, want); fits {
			break // nothing can follow a sum that fits
		}
	}
	switch {
	case len(pickle) == 0:
		return nil, errNoMetadata
	case n > 0 && !fits:
		return nil, corrupt("metadata does not match its checksum %.32q", want)
	}
	md, err := hashes.ParseMetadata(pickle)
	if err != nil {
		return nil, corrupt("metadata: %v", err)
	}
	return md, nil
}

func sumIs(pickle, want []byte) bool {
	sum := md5.Sum(pickle)
	var text [2 * md5.Size]byte
	hex.Encode(text[:], sum[:])
	return string(text[:]) == string(want)
}

func (f *file) appendPiece(dst []byte, piece int) ([]byte, error) {
	if cap(dst) == len(dst) {
		dst = slices.Grow(dst, xattrFirst) // with no room at all, the kernel tells only the length
	}
	for {
		spare := dst[len(dst):cap(dst)]
		n, err := f.getxattr(pieceName(piece), spare)
		if errors.Is(err, unix.ERANGE) && len(spare) < xattrPiece {
			dst = slices.Grow(dst, xattrPiece)
			continue
		}
		if err != nil {
			return dst, err
		}
		return dst[:len(dst)+n], nil
	}
}

func pieceName(piece int) string {
	if piece == 0 {
		return xattrMetadata
	}
	return xattrMetadata + strconv.Itoa(piece)
}

// writeMetadata stores metadata as Swift would: pieces first, checksum last.
func (f *file) writeMetadata(md hashes.Metadata) error {
	pickle := hashes.AppendMetadata(nil, md)
	sum := hashes.Checksum(pickle)
	for piece := 0; len(pickle) > 0; piece++ {
		n := min(len(pickle), xattrPiece)
		if err := f.setxattr(pieceName(piece), pickle[:n]); err != nil {
			return err
		}
		pickle = pickle[n:]
	}
	return f.setxattr(xattrChecksum, []byte(sum))
}
