package hashes

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// This file reads what stands between opcodes: numbers and strings.

func (u *unpickler) byte() (byte, error) {
	b, err := u.take(1)
	if err != nil {
		return 0, err
	}

	return b[0], nil
}

// take returns the next n bytes.
func (u *unpickler) take(n uint32) ([]byte, error) {
	if uint64(n) > uint64(len(u.data)-u.pos) {
		return nil, u.fail("it ends in the middle")
	}

	b := u.data[u.pos : u.pos+int(n)]
	u.pos += int(n)

	return b, nil
}

// line returns the bytes up to the next LF, without it.
func (u *unpickler) line() (string, error) {
	n := bytes.IndexByte(u.data[u.pos:], '\n')
	if n < 0 {
		return "", u.fail("it ends in the middle of a line")
	}

	line := string(u.data[u.pos : u.pos+n])
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

	b, err := u.take(n)

	return string(b), err
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
		return u.push(math.Float64frombits(binary.BigEndian.Uint64(b)), 0)
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

// bytesString reads Python 2's str.
func (u *unpickler) bytesString(op byte) error {
	var s string
	var err error

	switch op {
	case opShortBinString:
		s, err = u.counted(1)
	case opBinString:
		s, err = u.counted(4)
	default:
		s, err = u.quoted()
	}

	switch {
	case err != nil:
		return err
	case !u.text:
		return u.push(Bytes(s), 0)
	case !isASCII(s):
		return u.fail("text %.64q is not ASCII", s)
	default:
		return u.push(s, 0)
	}
}

// quoted reads the repr of a Python 2 str, a line.
func (u *unpickler) quoted() (string, error) {
	line, err := u.line()
	if err != nil {
		return "", err
	}

	line = strings.TrimRight(line, " \t\r")
	n := len(line)
	if n < 2 || line[0] != line[n-1] || (line[0] != '\'' && line[0] != '"') {
		return "", u.fail("string %.64q is not in quotes", line)
	}

	return unescapeRepr(line[1 : n-1]), nil
}

// unescapeRepr undoes the escapes of Python 2's repr; an unknown one stays as
// it is, as Python leaves it.
func unescapeRepr(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}

	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}

		i++
		switch c := s[i]; c {
		case '\\', '\'', '"':
			out = append(out, c)
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		default:
			if n, ok := hexDigits(s, i+1, 2); c == 'x' && ok {
				out = append(out, byte(n))
				i += 2
				continue
			}
			out = append(out, '\\', c)
		}
	}

	return string(out)
}

func (u *unpickler) unicode(op byte) error {
	if op == opBinUnicode {
		s, err := u.counted(4)
		if err != nil {
			return err
		}
		return u.push(s, 0)
	}

	line, err := u.line()
	if err != nil {
		return err
	}

	return u.push(unescapeRawUnicode(line), 0)
}

// unescapeRawUnicode undoes Python's raw-unicode-escape: Latin-1, with \uXXXX
// and \UXXXXXXXX for the rest. Such an escape stays literal where it is cut
// off; half of a surrogate pair becomes U+FFFD.
func unescapeRawUnicode(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if width := escapeWidth(s[i+1]); width > 0 {
				if n, ok := hexDigits(s, i+2, width); ok {
					out = utf8.AppendRune(out, rune(n))
					i += 1 + width
					continue
				}
			}
		}
		out = utf8.AppendRune(out, rune(s[i]))
	}

	return string(out)
}

func escapeWidth(c byte) int {
	switch c {
	case 'u':
		return 4
	case 'U':
		return 8
	default:
		return 0
	}
}

// hexDigits reads exactly n hex digits of s at i.
func hexDigits(s string, i, n int) (uint32, bool) {
	if i+n > len(s) {
		return 0, false
	}

	// ParseUint takes no sign and, with a base, neither prefix nor underscore.
	v, err := strconv.ParseUint(s[i:i+n], 16, 32)

	return uint32(v), err == nil
}
