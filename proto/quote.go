package proto

import "strings"

// AppendQuoted appends s percent-quoted for a subrequest's path: letters,
// digits, "_", ".", "-", "~" and "/" stay, every other byte becomes %XX. The
// ";", "?" and "#" have to: a Swift receiver cuts the name off at them and
// stores the object under what is left. Source: urllib.parse.quote.
func AppendQuoted(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if staysUnquoted(c) {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', upperHex[c>>4], upperHex[c&0xf])
		}
	}
	return dst
}

func staysUnquoted(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '/' || c == '_' || c == '.' || c == '-' || c == '~'
}

// Unquote turns each %XX into its byte; a percent sign without two hex digits
// after it stays as it is, and so does "+". The only thing it refuses is a NUL
// that is not quoted. A quoted one is a byte like others: the names that Swift
// reserves for itself, those of versioned objects among them, begin with it
// (2.24.0 and later). Source: urllib.parse.unquote_to_bytes.
func Unquote[T ~string | ~[]byte](s T) (string, error) {
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == 0 {
			return "", syntaxError("name", "no bare NUL byte", s)
		}
		if c == '%' && i+2 < len(s) {
			if high, low := unhex(s[i+1]), unhex(s[i+2]); high|low != notHex {
				c = high<<4 | low
				i += 2
			}
		}
		b.WriteByte(c)
	}
	return b.String(), nil
}
