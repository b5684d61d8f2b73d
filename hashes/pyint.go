package hashes

import (
	"strconv"
	"strings"
)

// ParsePythonInt mirrors Python's int(text, base) for ASCII text: blanks
// around, one sign, in base 16 an optional 0x, and single underscores between
// digits. A value beyond 63 bits is refused; nothing that Swift counts comes
// near.
func ParsePythonInt(text string, base int) (int64, bool) {
	text = strings.Trim(text, " \t\n\v\f\r")

	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(text, "+")
	}
	if base == 16 && len(digits) > 2 && digits[0] == '0' && digits[1]|0x20 == 'x' {
		digits = strings.TrimPrefix(digits[2:], "_")
	}
	if !groupedDigits(digits) {
		return 0, false
	}

	n, err := strconv.ParseUint(strings.ReplaceAll(digits, "_", ""), base, 63)
	if negative {
		return -int64(n), err == nil
	}

	return int64(n), err == nil
}

// groupedDigits reports whether underscores in s stand only between two
// characters that are none, and s has no sign left.
func groupedDigits(s string) bool {
	return s != "" && s[0] != '_' && s[len(s)-1] != '_' &&
		!strings.Contains(s, "__") && !strings.ContainsAny(s, "+-")
}
