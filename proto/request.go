package proto

// RequestHead is the head of an HTTP/1.x request: "SSYNC /sda/13 HTTP/1.1" and
// its headers. Target is as it came, neither unquoted nor cleaned.
type RequestHead struct {
	Method, Target string
	Minor          int // of HTTP/1.Minor
	Headers        []Header
}

// ParseRequestHead reads a head up to and including its blank line, as HeadEnd
// cuts it: at most 64 KiB and 128 headers. It refuses folded lines, blanks before
// a colon, and a body delimited in two ways or in none that we know.
func ParseRequestHead(head []byte) (RequestHead, error) {
	first, headers, err := parseHead("request head", head)
	if err != nil {
		return RequestHead{}, err
	}

	method, rest, _ := cutByte(first, ' ')
	target, version, found := cutByte(rest, ' ')
	if !found || !isToken(method) || !isTarget(target) {
		return RequestHead{}, syntaxError("request line", "a method, a target and a version", first)
	}
	minor, err := parseVersion(version)
	if err != nil {
		return RequestHead{}, err
	}
	return RequestHead{
		Method:  string(method),
		Target:  string(target),
		Minor:   minor,
		Headers: headers,
	}, nil
}

// Get returns the value of the last header of that name, in any case.
func (r RequestHead) Get(name string) (string, bool) { return lastHeader(r.Headers, name) }

// Body says how the request's body is delimited: in chunks, or by its length in
// bytes, which is -1 when neither is given and there is no body.
func (r RequestHead) Body() (chunked bool, length int64, err error) { return bodyOf(r.Headers) }

// AppendRequestHead appends r, with its blank line, to dst. A CR, LF or NUL in
// any part becomes a blank.
func AppendRequestHead(dst []byte, r RequestHead) []byte {
	dst = append(appendLine(dst, r.Method), ' ')
	dst = append(appendLine(dst, r.Target), ' ')
	dst = append(appendVersion(dst, r.Minor), '\r', '\n')
	return appendHeaders(dst, r.Headers)
}

func isToken(s []byte) bool {
	for _, c := range s {
		if !isTokenByte(c) {
			return false
		}
	}
	return len(s) > 0
}

// isTarget admits bytes beyond ASCII: senders do not quote a device's name.
func isTarget(s []byte) bool {
	for _, c := range s {
		if c <= ' ' || c == 0x7f {
			return false
		}
	}
	return len(s) > 0
}
