package ring

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// assignments is the table of a ring: device ids of two or four bytes.
type assignments interface {
	rows() int
	length(row int) int // slots of a row

	// device returns the id in a slot; false if the row is shorter, or if the
	// slot is not assigned.
	device(row int, part uint32) (id int, ok bool)
}

// table is a table as it is kept: with ids as wide as in the file.
type table[ID uint16 | uint32] [][]ID

func (t table[ID]) rows() int          { return len(t) }
func (t table[ID]) length(row int) int { return len(t[row]) }

func (t table[ID]) device(row int, part uint32) (int, bool) {
	if uint64(part) >= uint64(len(t[row])) {
		return 0, false
	}
	id := t[row][part]

	return int(id), id != ^ID(0) // the largest id means none; utils.py, none_dev_id
}

const (
	// maxTableBytes bounds a ring in memory. 3 replicas of 2^27 partitions take
	// 768 MiB; the largest clusters have 2^22 to 2^24 partitions.
	maxTableBytes = 1 << 30

	// maxRows bounds the replicas: an erasure code of 28 fragments, each four
	// times, has 112.
	maxRows = 256

	// readBytes is read and decoded at once.
	readBytes = 64 << 10

	// firstSlots are allocated before any of them has been read; more only when
	// so many are there. A file cannot claim memory, it must fill it.
	firstSlots = 1 << 20
)

// checkTable refuses a table of a size that no ring has.
func checkTable(partPower, rows, idBytes int) error {
	switch {
	case rows < 1:
		return errors.New("the table has no rows")
	case rows > maxRows:
		return fmt.Errorf("%d replicas, more than %d", rows, maxRows)
	case uint64(rows)*uint64(idBytes)<<partPower > maxTableBytes:
		return fmt.Errorf("%d replicas of 2^%d partitions: more than %d MiB", rows, partPower, maxTableBytes>>20)
	}
	return nil
}

// readTable reads rows of 2^partPower ids, up to the end of r; the last may be
// shorter, and is empty for a fraction below one slot.
func readTable[ID uint16 | uint32](r io.Reader, order binary.ByteOrder, partPower, rows int) (table[ID], error) {
	var (
		t      = make(table[ID], rows)
		buf    = make([]byte, readBytes)
		slots  = 1 << partPower
		expect = min(slots, firstSlots)
		err    error
	)
	for row := range rows {
		if t[row], err = readRow[ID](r, order, buf, slots, expect); err != nil {
			return nil, fmt.Errorf("row %d: %w", row, err)
		}
		if len(t[row]) < slots && row < rows-1 {
			return nil, fmt.Errorf("row %d of %d ends after %d of %d partitions", row, rows, len(t[row]), slots)
		}
		expect = slots
	}
	if len(t[0]) < slots {
		return nil, fmt.Errorf("the only row ends after %d of %d partitions", len(t[0]), slots)
	}
	switch _, err = io.ReadFull(r, buf[:1]); {
	case err == nil:
		return nil, errors.New("there is something behind the last row")
	case err != io.EOF:
		return nil, err
	}
	return t, nil
}

// readRow reads slots ids, or fewer if the stream ends before. It allocates
// room for expect at first.
func readRow[ID uint16 | uint32](r io.Reader, order binary.ByteOrder, buf []byte, slots, expect int) ([]ID, error) {
	var (
		idBytes = binary.Size(ID(0))
		row     = make([]ID, 0, expect)
	)
	for len(row) < slots {
		n, err := io.ReadFull(r, buf[:min(len(buf), (slots-len(row))*idBytes)])
		if n%idBytes != 0 {
			return nil, errors.New("the stream ends within a device id")
		}
		row = appendIDs(row, order, buf[:n])
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	return row, nil
}

func appendIDs[ID uint16 | uint32](row []ID, order binary.ByteOrder, text []byte) []ID {
	if binary.Size(ID(0)) == 2 {
		for ; len(text) > 0; text = text[2:] {
			row = append(row, ID(order.Uint16(text)))
		}
		return row
	}
	for ; len(text) > 0; text = text[4:] {
		row = append(row, ID(order.Uint32(text)))
	}
	return row
}
