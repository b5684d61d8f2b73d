package proto

import "strings"

// Header is one header line as it stands on the wire: bytes, in any or no
// encoding, without the blanks around them.
type Header struct{ Name, Value string }

// AppendSubrequest appends the head of a subrequest to dst:
//
//	<method> <quoted name>\r\n
//	<header>: <value>\r\n …
//	\r\n
//
// name is /account/container/object, raw; headers keep their order (Swift sends
// them sorted by name). The receiver stores nearly every header as metadata, so
// there must be no other. A CR, LF or NUL inside a header, which would end the
// line early, becomes a blank. Source: swift/obj/ssync_sender.py,
// Sender.send_subrequest.
func AppendSubrequest(dst []byte, method, name string, headers []Header) []byte {
	dst = append(appendLine(dst, method), ' ')
	dst = append(AppendQuoted(dst, name), '\r', '\n')
	return appendHeaders(dst, headers)
}

// appendHeaders appends the header lines and the blank line that ends a head.
func appendHeaders(dst []byte, headers []Header) []byte {
	for _, h := range headers {
		dst = append(appendLine(dst, h.Name), ':', ' ')
		dst = append(appendLine(dst, h.Value), '\r', '\n')
	}
	return append(dst, '\r', '\n')
}

// appendLine appends s with a blank for each byte that would break its line, so
// that no stored value can forge a header or a subrequest.
func appendLine(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c == '\r' || c == '\n' || c == 0 {
			c = ' '
		}
		dst = append(dst, c)
	}
	return dst
}

// ParseSubrequestLine reads "<method> <quoted name>" without its line end. The
// name is everything after the first blanks, unquoted and otherwise untouched:
// "//", "/../", "?" and ";" are legal in the names of objects, and so is a quoted
// NUL. It has the shape /account/container/object, none of them empty. Source:
// swift/obj/ssync_receiver.py, Receiver.updates.
func ParseSubrequestLine(line []byte) (method, name string, err error) {
	verb, rest := cutWord(TrimBlanks(line))
	quoted := TrimBlanks(rest)
	if len(quoted) == 0 {
		return "", "", syntaxError("subrequest line", "a method and a path", line)
	}
	if name, err = Unquote(quoted); err != nil {
		return "", "", err
	}
	if !isObjectName(name) {
		return "", "", syntaxError("subrequest path", "/account/container/object", quoted)
	}
	return string(verb), name, nil
}

func isObjectName(name string) bool {
	name, rooted := strings.CutPrefix(name, "/")
	account, rest, _ := strings.Cut(name, "/")
	container, object, _ := strings.Cut(rest, "/")
	return rooted && account != "" && container != "" && object != ""
}

// ParseHeaderLine reads "<name>: <value>" without its line end. Both lose the
// blanks around them and keep their bytes; the name keeps its spelling. Source:
// swift/obj/ssync_receiver.py, Receiver.updates.
func ParseHeaderLine(line []byte) (Header, error) {
	name, value, found := cutByte(line, ':')
	name = TrimBlanks(name)
	if !found || len(name) == 0 {
		return Header{}, syntaxError("header line", "a name and a colon", line)
	}
	return Header{Name: string(name), Value: string(TrimBlanks(value))}, nil
}
