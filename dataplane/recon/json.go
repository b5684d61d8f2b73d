package recon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseJSON reads one value and nothing behind it but blanks. Numbers stay the
// text they were: the cache files are other daemons' too, and what we do not
// understand goes back as it came. Python's NaN and Infinity are no JSON, and an
// error.
func parseJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something behind the value")
	}
	return v, nil
}

// appendJSON appends v as Python's json.dumps does with sort_keys and
// ensure_ascii: blanks behind commas and colons, everything else than plain
// ASCII escaped. v is made of nil, bool, string, numbers, []any and
// map[string]any; anything else is a bug here and panics.
func appendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendString(dst, v)
	case json.Number:
		return append(dst, v...)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case uint64:
		return strconv.AppendUint(dst, v, 10)
	case float64:
		return appendFloat(dst, v)
	case []any:
		dst = append(dst, '[')
		for i, element := range v {
			dst = appendJSON(appendComma(dst, i), element)
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for i, key := range slices.Sorted(maps.Keys(v)) {
			dst = append(appendString(appendComma(dst, i), key), ": "...)
			dst = appendJSON(dst, v[key])
		}
		return append(dst, '}')
	}
	panic(fmt.Sprintf("recon: no JSON for a %T", v))
}

func appendComma(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return append(dst, ", "...)
}

// appendFloat appends Python's repr of a float: the shortest that reads back,
// with an exponent below 0.0001 and from 10^16 on, else with a point. What JSON
// has no word for is null.
func appendFloat(dst []byte, f float64) []byte {
	size := math.Abs(f)
	switch {
	case math.IsNaN(f) || math.IsInf(f, 0):
		return append(dst, "null"...)
	case size != 0 && size < 1e-4 || size >= 1e16:
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	text := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(text, ".") {
		text += ".0"
	}
	return append(dst, text...)
}

// appendString escapes as Python does. A byte that is no UTF-8 becomes the lone
// surrogate that Python reads it from a file system as.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			r = 0xdc00 + rune(s[i])
		}
		dst = appendRune(dst, r)
		i += size
	}
	return append(dst, '"')
}

func appendRune(dst []byte, r rune) []byte {
	if i := strings.IndexRune("\"\\\b\f\n\r\t", r); i >= 0 {
		return append(dst, '\\', `"\bfnrt`[i])
	}
	switch {
	case ' ' <= r && r <= '~':
		return append(dst, byte(r))
	case r > 0xffff:
		r -= 0x10000
		return fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}
