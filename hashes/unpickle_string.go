package hashes

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

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
