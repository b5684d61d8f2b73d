package proto

// Extension is what two of ours write into a chunk's size line, where Swift's
// readers pass it over:
//
//	<size>;xxh64=<16 hex digits>[;stored=<16 hex digits>] CR LF
//
// Sum is the xxhash64 of the chunk's payload. Stored, of which Announces tells, is
// the one of the body that begins behind the chunk, as it was stored beside it.
// Digits are lower case.
type Extension struct {
	Sum       uint64
	Stored    uint64
	Announces bool
}

const (
	sumName    = "xxh64="
	storedName = ";stored="

	// ExtensionBytes is the longest Extension.
	ExtensionBytes = len(sumName) + maxHexDigits + len(storedName) + maxHexDigits
)

// AppendExtension appends e, without the semicolon before it, to dst.
func AppendExtension(dst []byte, e Extension) []byte {
	dst = AppendHex64(append(dst, sumName...), e.Sum)
	if e.Announces {
		dst = AppendHex64(append(dst, storedName...), e.Stored)
	}
	return dst
}

// ParseExtension reads what Dechunker.Ext returned. Nothing but the form above is
// taken: what two of ours have agreed on leaves no room for another.
func ParseExtension(ext []byte) (e Extension, err error) {
	rest, ok := cutHex64(ext, sumName, &e.Sum)
	if ok && len(rest) > 0 {
		e.Announces = true
		rest, ok = cutHex64(rest, storedName, &e.Stored)
	}
	if !ok || len(rest) > 0 {
		return Extension{}, syntaxError("chunk extension", "xxh64=, and perhaps stored=, of 16 hex digits", ext)
	}
	return e, nil
}

// cutHex64 takes name and 16 digits off text.
func cutHex64(text []byte, name string, v *uint64) (rest []byte, ok bool) {
	if len(text) < len(name)+maxHexDigits || string(text[:len(name)]) != name {
		return nil, false
	}
	text = text[len(name):]
	*v, ok = ParseHex64(text[:maxHexDigits])
	return text[maxHexDigits:], ok
}

// ParseHex64 reads 16 lower-case hex digits.
func ParseHex64(digits []byte) (v uint64, ok bool) {
	if len(digits) != maxHexDigits {
		return 0, false
	}
	for _, c := range digits {
		digit := unhex(c)
		if digit == notHex || c >= 'A' && c <= 'F' {
			return 0, false
		}
		v = v<<4 | uint64(digit)
	}
	return v, true
}

// AppendHex64 appends v as 16 lower-case hex digits.
func AppendHex64(dst []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, "0123456789abcdef"[v>>shift&15])
	}
	return dst
}
