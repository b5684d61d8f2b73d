package proto

const (
	lowerHex = "0123456789abcdef"
	upperHex = "0123456789ABCDEF"
)

// notHex is what unhex answers for a byte that is no hex digit; it exceeds
// every digit, so that the OR of two answers tells whether both were good.
const notHex = 0xff

// A digest's digits follow no pattern: asking by branches what each of them is costs
// more than all else there is to do with it.
func unhex(c byte) byte      { return hexDigits[c] }
func unhexLower(c byte) byte { return lowerHexDigits[c] }

var (
	hexDigits      = digitsOf(lowerHex, upperHex)
	lowerHexDigits = digitsOf(lowerHex)
)

// digitsOf gives what each byte stands for in these alphabets.
func digitsOf(alphabets ...string) (digits [256]byte) {
	for c := range digits {
		digits[c] = notHex
	}
	for _, alphabet := range alphabets {
		for digit := range alphabet {
			digits[alphabet[digit]] = byte(digit)
		}
	}
	return digits
}

// isBlank tells the six bytes that Python's bytes.strip and bytes.split take
// for white space.
func isBlank(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool {
	c |= 'a' - 'A'
	return 'a' <= c && c <= 'z'
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// TrimBlanks returns s without the blanks at both ends, as Python's strip
// does; both sides of the dialogue compare marker lines that way.
func TrimBlanks[T ~string | ~[]byte](s T) T {
	start, end := 0, len(s)
	for start < end && isBlank(s[start]) {
		start++
	}
	for end > start && isBlank(s[end-1]) {
		end--
	}
	return s[start:end]
}

// cutWord splits the first run of non-blank bytes off s. Both are empty when s
// holds nothing but blanks.
func cutWord[T ~string | ~[]byte](s T) (word, rest T) {
	start := 0
	for start < len(s) && isBlank(s[start]) {
		start++
	}
	end := start
	for end < len(s) && !isBlank(s[end]) {
		end++
	}
	return s[start:end], s[end:]
}

// cutByte splits s around the first c; found is false, and rest empty, when s
// holds none.
func cutByte[T ~string | ~[]byte](s T, c byte) (before, rest T, found bool) {
	for i := range len(s) {
		if s[i] == c {
			return s[:i], s[i+1:], true
		}
	}
	return s, s[len(s):], false
}

// equalFold compares ASCII without case; nothing else on this wire has one.
func equalFold[T, U ~string | ~[]byte](s T, t U) bool {
	if len(s) != len(t) {
		return false
	}
	for i := range len(s) {
		if lower(s[i]) != lower(t[i]) {
			return false
		}
	}
	return true
}

// maxHexDigits fill a uint64.
const maxHexDigits = 16

// parseHex reads what Python's int(s, 16) reads: blanks around, a sign, 0x.
// Underscores, which Python allows between digits, are refused, and so are
// more than 16 digits.
func parseHex[T ~string | ~[]byte](s T) (value uint64, negative, ok bool) {
	s = TrimBlanks(s)
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	if len(s) > 2 && s[0] == '0' && lower(s[1]) == 'x' {
		s = s[2:]
	}
	if len(s) == 0 || len(s) > maxHexDigits {
		return 0, false, false
	}

	for i := range len(s) {
		digit := unhex(s[i])
		if digit == notHex {
			return 0, false, false
		}
		value = value<<4 | uint64(digit)
	}
	return value, negative, true
}

// IsTrue reads a word as Swift's configuration and headers do: true, 1, yes,
// on, t and y, in any case, are true and everything else is false. Source:
// swift/common/utils, config_true_value.
func IsTrue[T ~string | ~[]byte](s T) bool {
	return equalFold(s, "true") || equalFold(s, "1") || equalFold(s, "yes") ||
		equalFold(s, "on") || equalFold(s, "t") || equalFold(s, "y")
}

// LowerASCII lowers the letters A–Z of a header name and leaves every other
// byte alone: Swift 2.22–2.31 lowered Latin-1 too, and damaged names by it.
func LowerASCII(name string) string {
	for i := range len(name) {
		if lower(name[i]) != name[i] {
			return mapBytes(name, func(_, c byte) byte { return lower(c) })
		}
	}
	return name
}

// TitleCase spells a header name as it is stored in an object's metadata: of
// each run of ASCII letters the first is upper case and the rest lower, so that
// a digit too begins a new word (X-Object-Meta-A1B). net/http's canonical form
// differs there. Source: Python's bytes.title.
func TitleCase(name string) string {
	return mapBytes(name, func(before, c byte) byte {
		if !isLetter(c) {
			return c
		}
		if isLetter(before) {
			return c | 0x20
		}
		return c &^ 0x20
	})
}

// mapBytes replaces each byte of s by what f makes of it and its left
// neighbour (0 for the first).
func mapBytes(s string, f func(before, c byte) byte) string {
	mapped := make([]byte, len(s))
	var before byte
	for i := range len(s) {
		mapped[i] = f(before, s[i])
		before = s[i]
	}
	return string(mapped)
}
