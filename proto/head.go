package proto

import (
	"bytes"
	"math"
)

const (
	// MaxHead bounds a head in bytes, its blank line included.
	MaxHead = 64 << 10

	// MaxHeaders bounds the lines of a head. Swift takes 90 of user metadata
	// and 36 others (swift/common/constraints.py, MAX_HEADER_COUNT); what comes
	// through here on its way to Swift must not be refused earlier.
	MaxHeaders = 128
)

// HeadEnd returns the index just past the blank line that ends the head at the
// start of buf, or -1 if it has not arrived. Lines end in CRLF or LF.
func HeadEnd(buf []byte) int {
	for at := 0; ; {
		lineBytes := bytes.IndexByte(buf[at:], '\n')
		if lineBytes < 0 {
			return -1
		}
		at += lineBytes + 1
		switch {
		case at < len(buf) && buf[at] == '\n':
			return at + 1
		case at+1 < len(buf) && buf[at] == '\r' && buf[at+1] == '\n':
			return at + 2
		}
	}
}

// parseHead splits a head into its first line and its headers; what names it in
// errors.
func parseHead(what string, head []byte) (first []byte, headers []Header, err error) {
	switch {
	case len(head) > MaxHead:
		return nil, nil, syntaxError(what, "at most 64 KiB", head)
	case HeadEnd(head) != len(head):
		return nil, nil, syntaxError(what, "lines and one blank line at their end", head)
	}

	first, rest, err := cutLine(head)
	if err != nil {
		return nil, nil, err
	}
	for {
		var line []byte
		if line, rest, err = cutLine(rest); err != nil {
			return nil, nil, err
		}
		if len(line) == 0 {
			break
		}
		if len(headers) == MaxHeaders {
			return nil, nil, syntaxError(what, "at most 128 headers", line)
		}
		header, err := parseHeadLine(line)
		if err != nil {
			return nil, nil, err
		}
		headers = append(headers, header)
	}
	_, _, err = bodyOf(headers)
	return first, headers, err
}

// cutLine takes one line, which is there, off a head. A CR or NUL inside is
// refused: readers differ on whether it ends the line.
func cutLine(head []byte) (line, rest []byte, err error) {
	line, rest, _ = cutByte(head, '\n')
	line = bytes.TrimSuffix(line, []byte("\r"))
	if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
		return nil, nil, syntaxError("head line", "no CR or NUL inside", line)
	}
	return line, rest, nil
}

// parseHeadLine is stricter than ParseHeaderLine: no blanks before the colon and
// no folded lines, which intermediaries read in different ways. Bytes beyond
// ASCII may stand in a name, since Swift's clients put them there.
func parseHeadLine(line []byte) (Header, error) {
	name, value, found := cutByte(line, ':')
	if !found || len(name) == 0 {
		return Header{}, syntaxError("header line", "a name and a colon", line)
	}
	for _, c := range name {
		if !isTokenByte(c) && c < 0x80 {
			return Header{}, syntaxError("header line", "a plain name before the colon", line)
		}
	}
	return Header{Name: string(name), Value: string(TrimBlanks(value))}, nil
}

// isTokenByte tells the bytes of RFC 9110's token.
func isTokenByte(c byte) bool {
	return isLetter(c) || isDigit(c) || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
}

// lastHeader returns the value of the last header of that name, in any case.
func lastHeader(headers []Header, name string) (string, bool) {
	for i := len(headers) - 1; i >= 0; i-- {
		if equalFold(headers[i].Name, name) {
			return headers[i].Value, true
		}
	}
	return "", false
}

// bodyOf says how the body behind a head is delimited: in chunks, by a length in
// bytes, or (-1) by neither. Anything that two readers could understand in two
// ways is an error.
func bodyOf(headers []Header) (chunked bool, length int64, err error) {
	length = -1
	for _, h := range headers {
		switch {
		case equalFold(h.Name, "Transfer-Encoding"):
			if chunked || !equalFold(h.Value, "chunked") {
				return false, -1, syntaxError("Transfer-Encoding", "chunked, once", h.Value)
			}
			chunked = true
		case equalFold(h.Name, "Content-Length"):
			n, ok := parseLength(h.Value)
			if !ok || length >= 0 && n != length {
				return false, -1, syntaxError("Content-Length", "one decimal number", h.Value)
			}
			length = n
		}
	}
	if chunked && length >= 0 {
		return false, -1, syntaxError("head", "Transfer-Encoding or Content-Length", "both")
	}
	return chunked, length, nil
}

func parseLength(s string) (length int64, ok bool) {
	for i := range len(s) {
		digit := int64(s[i]) - '0'
		if !isDigit(s[i]) || length > (math.MaxInt64-digit)/10 {
			return 0, false
		}
		length = 10*length + digit
	}
	return length, len(s) > 0
}

// parseVersion reads "HTTP/1.x".
func parseVersion(s []byte) (minor int, err error) {
	const prefix = "HTTP/1."
	if len(s) != len(prefix)+1 || string(s[:len(prefix)]) != prefix || !isDigit(s[len(prefix)]) {
		return 0, syntaxError("HTTP version", "HTTP/1.x", s)
	}
	return int(s[len(prefix)] - '0'), nil
}

func appendVersion(dst []byte, minor int) []byte {
	return append(append(dst, "HTTP/1."...), byte('0'+minor%10))
}
