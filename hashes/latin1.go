package hashes

import "unicode/utf8"

// appendLatin1 appends s, each byte taken as a code point and written in
// UTF-8, encodings times over.
func appendLatin1(dst []byte, s string, encodings int) []byte {
	for i := 0; i < len(s); i++ {
		dst = appendCodePoint(dst, s[i], encodings)
	}

	return dst
}

func appendCodePoint(dst []byte, c byte, encodings int) []byte {
	switch {
	case c < utf8.RuneSelf || encodings == 0:
		return append(dst, c)
	default:
		dst = appendCodePoint(dst, 0xc0|c>>6, encodings-1)
		return appendCodePoint(dst, 0x80|c&0x3f, encodings-1)
	}
}

// decodeLatin1 undoes one encoding of appendLatin1. False: text is not UTF-8,
// or has a code point above 0xff.
func decodeLatin1(text string) (string, bool) {
	if isASCII(text) {
		return text, true
	}

	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= utf8.RuneSelf {
			// Two bytes are enough up to 0xff: c2 80 … c3 bf.
			if c&^1 != 0xc2 || i+1 == len(text) || text[i+1]&0xc0 != 0x80 {
				return "", false
			}
			i++
			c = c<<6 | text[i]&0x3f
		}
		decoded = append(decoded, c)
	}

	return string(decoded), true
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}

	return true
}
