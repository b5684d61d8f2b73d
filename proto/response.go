package proto

import "strconv"

// ResponseHead is the head of an HTTP/1.x response.
type ResponseHead struct {
	Status  int // 100 to 999
	Reason  string
	Minor   int // of HTTP/1.Minor
	Headers []Header
}

// ParseResponseHead reads a head up to and including its blank line, as HeadEnd
// cuts it, with the bounds and refusals of ParseRequestHead. The reason may be
// missing.
func ParseResponseHead(head []byte) (ResponseHead, error) {
	first, headers, err := parseHead("response head", head)
	if err != nil {
		return ResponseHead{}, err
	}

	version, rest, _ := cutByte(first, ' ')
	minor, err := parseVersion(version)
	if err != nil {
		return ResponseHead{}, err
	}
	code, reason, _ := cutByte(rest, ' ')
	if len(code) != 3 || code[0] == '0' || !isDigit(code[0]) || !isDigit(code[1]) || !isDigit(code[2]) {
		return ResponseHead{}, syntaxError("status line", "a status of three digits", first)
	}
	return ResponseHead{
		Status:  100*int(code[0]-'0') + 10*int(code[1]-'0') + int(code[2]-'0'),
		Reason:  string(TrimBlanks(reason)),
		Minor:   minor,
		Headers: headers,
	}, nil
}

// Get returns the value of the last header of that name, in any case.
func (r ResponseHead) Get(name string) (string, bool) { return lastHeader(r.Headers, name) }

// Body says how the response's body is delimited: in chunks, or by its length in
// bytes, which is -1 when neither is given and the connection's end is the body's.
// That an answer to HEAD, a 1xx, 204 or 304 has none, the caller knows.
func (r ResponseHead) Body() (chunked bool, length int64, err error) { return bodyOf(r.Headers) }

// AppendResponseHead appends r, with its blank line, to dst. A CR, LF or NUL in
// any part becomes a blank.
func AppendResponseHead(dst []byte, r ResponseHead) []byte {
	dst = append(appendVersion(dst, r.Minor), ' ')
	dst = append(strconv.AppendInt(dst, int64(r.Status), 10), ' ')
	dst = append(appendLine(dst, r.Reason), '\r', '\n')
	return appendHeaders(dst, r.Headers)
}
