package proto

import "strconv"

const (
	errorPrefix = ":ERROR:"

	// maxErrorText is Swift's own cap on what it quotes of a foreign line.
	maxErrorText = 1024
)

// AppendError appends the line with which a receiver ends a session:
//
//	:ERROR: <code> '<text>'\n
//
// code is an HTTP status, or 0 for trouble without one. Text is cut to 1024
// bytes and written as Python would show it, in ASCII, so that it stays one line
// whatever it quotes. Source: swift/obj/ssync_receiver.py, Receiver.__call__.
func AppendError(dst []byte, code int, text string) []byte {
	dst = append(dst, errorPrefix...)
	dst = strconv.AppendInt(append(dst, ' '), int64(code), 10)
	dst = appendRepr(append(dst, ' '), text[:min(len(text), maxErrorText)])
	return append(dst, '\n')
}

// ParseError tells whether line, with or without its line end, is an error line,
// and what it says. The code is 0 where it cannot be read. The text is for a log
// only, at most 1024 bytes: Swift promises nothing about it.
func ParseError(line []byte) (code int, text string, ok bool) {
	line = TrimBlanks(line)
	if len(line) < len(errorPrefix) || string(line[:len(errorPrefix)]) != errorPrefix {
		return 0, "", false
	}

	rest := line[len(errorPrefix):]
	number, quoted := cutWord(rest)
	code, err := strconv.Atoi(string(number[:min(len(number), maxGot)]))
	if err != nil {
		code, quoted = 0, rest
	}
	return code, parseRepr(TrimBlanks(quoted)), true
}

// appendRepr writes s as Python 2 shows a string and Python 3 shows bytes
// (without their b): double quotes only where s holds single ones and no double.
func appendRepr(dst []byte, s string) []byte {
	quote := byte('\'')
	if holds(s, '\'') && !holds(s, '"') {
		quote = '"'
	}

	dst = append(dst, quote)
	for i := range len(s) {
		switch c := s[i]; {
		case c == quote || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < ' ' || c >= 0x7f:
			dst = append(dst, '\\', 'x', lowerHex[c>>4], lowerHex[c&0xf])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, quote)
}

// parseRepr undoes appendRepr, and strips the b or u of Python's other reprs. A
// text without quotes, or an escape it does not know, stays as it came.
func parseRepr(line []byte) string {
	body := line
	if len(body) > 0 && (body[0] == 'b' || body[0] == 'u') {
		body = body[1:]
	}
	last := len(body) - 1
	if last < 1 || body[0] != '\'' && body[0] != '"' || body[last] != body[0] {
		return string(line[:min(len(line), maxErrorText)])
	}
	body = body[1:last]

	text := make([]byte, 0, min(len(body), maxErrorText))
	for len(body) > 0 && len(text) < maxErrorText {
		c, used := unescape(body)
		text = append(text, c)
		body = body[used:]
	}
	return string(text)
}

// unescape reads the first byte of s, which is not empty, and says how many
// bytes it was written with.
func unescape(s []byte) (c byte, used int) {
	if s[0] != '\\' || len(s) == 1 {
		return s[0], 1
	}
	switch s[1] {
	case '\\', '\'', '"':
		return s[1], 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'x':
		if len(s) >= 4 {
			if high, low := unhex(s[2]), unhex(s[3]); high|low != notHex {
				return high<<4 | low, 4
			}
		}
	}
	return '\\', 1
}

func holds(s string, c byte) bool {
	_, _, found := cutByte(s, c)
	return found
}
