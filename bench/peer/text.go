package peer

import "strings"

// latin1 turns bytes into text of as many characters, which JSON can carry and
// which Swift calls a WSGI string.
func latin1(bytes string) string {
	if isASCII(bytes) {
		return bytes
	}
	var b strings.Builder
	for i := range len(bytes) {
		b.WriteRune(rune(bytes[i]))
	}
	return b.String()
}

// unLatin1 is the inverse of latin1. A character that is no byte cannot come
// from a helper; it becomes its low byte.
func unLatin1(text string) string {
	if isASCII(text) {
		return text
	}
	b := make([]byte, 0, len(text))
	for _, r := range text {
		b = append(b, byte(r))
	}
	return string(b)
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// each returns m with convert applied to keys and values; nil stays nil.
func each(m map[string]string, convert func(string) string) map[string]string {
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[convert(k)] = convert(v)
	}
	return out
}

// lastLines is the end of a traceback, for a message: whole lines, at most 1 KiB.
func lastLines(text []byte) string {
	const most = 1024
	s := strings.TrimSpace(string(text))
	if len(s) <= most {
		return s
	}
	s = s[len(s)-most:]
	if _, whole, ok := strings.Cut(s, "\n"); ok {
		return whole
	}
	return s
}
