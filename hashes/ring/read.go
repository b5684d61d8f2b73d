package ring

import (
	"bufio"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	magic   = "R1NG"
	formats = 2 // formats that can be read: 1 and 2

	// What a ring file was before 2012, a pickle, begins with the first of these
	// in protocol 2 and above, and with the second in protocol 0.
	pickled, pickled0 = '\x80', '('
)

// ErrPickle is returned for a ring of before 2012, a pickle, which Swift itself
// has not read since 2.36: swift-ring-builder's write_ring writes it anew.
var ErrPickle = errors.New("the ring is a pickle (format 0), as before 2012: write it anew with swift-ring-builder")

// Read reads a .ring.gz to its end, of format 1 or 2.
//
// It is strict where Swift would find out later: each slot must be unassigned
// or name a device that is there, each device must have a place, an address and
// the id by which it is listed, all rows but the last must be full, and the
// digests of gzip and of format 2 must be right. Sections of format 2 that it
// does not know it skips.
//
// What it allocates is bounded: tables to 1 GiB, JSON to 64 MiB, devices to
// 262,144, and by what the stream really holds. Source: ring.py, RingData.load.
func Read(r io.Reader) (*Ring, error) {
	ring, err := read(r)
	if err != nil {
		return nil, fmt.Errorf("ring: %w", whole(err))
	}
	return ring, nil
}

func read(r io.Reader) (*Ring, error) {
	stream, err := gzip.NewReader(bufio.NewReader(r))
	if err != nil {
		return nil, fmt.Errorf("not a gzip file: %w", err)
	}

	var head [len(magic) + 2]byte
	if _, err := io.ReadFull(stream, head[:]); err != nil {
		return nil, fmt.Errorf("magic: %w", err)
	}
	if string(head[:len(magic)]) != magic {
		if head[0] == pickled || head[0] == pickled0 {
			return nil, ErrPickle
		}
		return nil, fmt.Errorf("magic: %q, not %q", head[:len(magic)], magic)
	}

	ring := new(Ring)
	switch ring.format = int(binary.BigEndian.Uint16(head[len(magic):])); ring.format {
	case 1:
		err = ring.readV1(stream)
	case 2:
		err = ring.readV2(stream)
	default:
		err = fmt.Errorf("format %d: known are 1 to %d", ring.format, formats)
	}
	if err != nil {
		return nil, err
	}
	return ring, ring.settle()
}

// whole names the end of a stream that came too early.
func whole(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	}
	return err
}

// readV1 reads what follows the magic. Source: RingData.deserialize_v1.
func (r *Ring) readV1(stream io.Reader) error {
	var length [4]byte
	if _, err := io.ReadFull(stream, length[:]); err != nil {
		return fmt.Errorf("size of the JSON: %w", err)
	}
	text, err := readBytesOf(stream, uint64(binary.BigEndian.Uint32(length[:])), maxJSONBytes)
	if err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	f, err := parseFields(text)
	if err != nil {
		return fmt.Errorf("JSON: %w", err)
	}
	if err := errors.Join(r.readMetadata(f), r.readDevices(f["devs"])); err != nil {
		return err
	}
	rows, err := f.integer("replica_count", 0, maxRows)
	if err != nil {
		return err
	}
	order, err := f.byteOrder()
	if err != nil {
		return err
	}
	if err := checkTable(r.partPower, rows, 2); err != nil {
		return err
	}
	t, err := readTable[uint16](stream, order, r.partPower, rows)
	r.table = t
	return err
}

// readBytesOf reads n bytes, at most limit, without trusting n with memory.
func readBytesOf(r io.Reader, n, limit uint64) ([]byte, error) {
	if n > limit {
		return nil, fmt.Errorf("%d bytes, more than %d MiB", n, limit>>20)
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err == nil && uint64(len(text)) < n {
		err = io.ErrUnexpectedEOF
	}
	return text, err
}
