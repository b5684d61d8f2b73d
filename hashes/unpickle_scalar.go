package hashes

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// This file reads what follows an opcode: bytes, lines and numbers.

func (u *unpickler) byte() (byte, error) {
	b, err := u.take(1)
	if err != nil {
		return 0, err
	}

	return b[0], nil
}

// take returns the next n bytes.
func (u *unpickler) take(n uint32) (string, error) {
	if uint64(n) > uint64(len(u.data)-u.pos) {
		return "", u.fail("it ends in the middle")
	}

	b := u.data[u.pos : u.pos+int(n)]
	u.pos += int(n)

	return b, nil
}

// line returns the bytes up to the next LF, without it.
func (u *unpickler) line() (string, error) {
	n := strings.IndexByte(u.data[u.pos:], '\n')
	if n < 0 {
		return "", u.fail("it ends in the middle of a line")
	}

	line := u.data[u.pos : u.pos+n]
	u.pos += n + 1

	return line, nil
}

// counted returns bytes that follow their length, a little-endian number of
// width bytes.
func (u *unpickler) counted(width uint32) (string, error) {
	n, err := u.unsigned(width)
	if err != nil {
		return "", err
	}

	return u.take(n)
}

func (u *unpickler) unsigned(width uint32) (uint32, error) {
	b, err := u.take(width)
	if err != nil {
		return 0, err
	}

	var word [4]byte
	copy(word[:], b)

	return binary.LittleEndian.Uint32(word[:]), nil
}

func (u *unpickler) integer(op byte) error {
	switch op {
	case opBinInt1:
		return u.binaryInt(1)
	case opBinInt2:
		return u.binaryInt(2)
	case opBinInt:
		return u.binaryInt(4)
	case opLong1:
		return u.long1()
	default:
		return u.textInt(op)
	}
}

// binaryInt reads the fixed widths; only the widest has a sign.
func (u *unpickler) binaryInt(width uint32) error {
	n, err := u.unsigned(width)
	if err != nil {
		return err
	}
	if width == 4 {
		return u.push(int64(int32(n)), 0)
	}

	return u.push(int64(n), 0)
}

// long1 reads a length byte and a number in two's complement.
func (u *unpickler) long1() error {
	b, err := u.counted(1)
	if err != nil {
		return err
	}
	if len(b) > 8 {
		return u.fail("an integer of %d bytes", len(b))
	}

	var n int64
	for i := range len(b) {
		n |= int64(b[i]) << (8 * i)
	}
	if unused := 64 - 8*len(b); len(b) > 0 {
		n = n << unused >> unused
	}

	return u.push(n, 0)
}

// textInt reads the numbers of protocol 0; there 00 and 01 are the booleans.
func (u *unpickler) textInt(op byte) error {
	line, err := u.line()
	if err != nil {
		return err
	}
	if op == opInt && (line == "00" || line == "01") {
		return u.push(line == "01", 0)
	}
	if op == opLong {
		line = strings.TrimSuffix(line, "L")
	}

	n, err := strconv.ParseInt(line, 10, 64)
	if err != nil {
		return u.fail("integer %.64q", line)
	}

	return u.push(n, 0)
}

func (u *unpickler) floating(op byte) error {
	if op == opBinFloat {
		b, err := u.take(8)
		if err != nil {
			return err
		}
		return u.push(math.Float64frombits(binary.BigEndian.Uint64([]byte(b))), 0)
	}

	line, err := u.line()
	if err != nil {
		return err
	}

	f, err := strconv.ParseFloat(line, 64)
	if err != nil {
		return u.fail("float %.64q", line)
	}

	return u.push(f, 0)
}
