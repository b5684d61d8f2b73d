package proto_test

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/ringsync/ringsync/proto"
)

// The readers of this file are slow and simple: they split whole strings by regular
// expressions, as Python does it, and share nothing with those that they are
// compared with.

const blanks = " \t\n\v\f\r"

var (
	slowDecimal = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
	slowNumber  = regexp.MustCompile(`^([+-]?)(?:0[xX])?([0-9a-fA-F]{1,16})$`)
	slowQuoted  = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	slowName    = regexp.MustCompile(`(?s)^/[^/]+/[^/]+/.+$`)
	slowRequest = regexp.MustCompile("^([" + token + "]+) ([^\\x00-\\x20\\x7f]+) HTTP/1\\.([0-9])$")
	slowStatus  = regexp.MustCompile(`(?s)^HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: (.*))?$`)
	slowHeader  = regexp.MustCompile("(?s)^([" + token + `\x{80}-\x{10ffff}]+):(.*)$`)
)

const token = "!#$%&'*+\\-.^_`|~0-9A-Za-z"

func slowWords(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(blanks, r) })
}

// slowHex reads what int(text, 16) reads.
func slowHex(text string) (value uint64, negative, ok bool) {
	found := slowNumber.FindStringSubmatch(strings.Trim(text, blanks))
	if found == nil {
		return 0, false, false
	}
	value, err := strconv.ParseUint(found[2], 16, 64)
	return value, found[1] == "-", err == nil
}

// slowTimestamp counts with fractions. Exponents that would make those too large are
// left unjudged.
func slowTimestamp(text string) (t proto.Timestamp, ok, judged bool) {
	base, offset, _ := strings.Cut(text, "_")
	base = strings.Trim(base, blanks)
	found := slowDecimal.FindStringSubmatch(base)
	if found == nil {
		return t, false, true
	}
	if len(found[2]) > 5 {
		return t, false, false
	}
	value, ok := new(big.Rat).SetString(base)
	if !ok {
		return t, false, false
	}
	ticks := value.Mul(value, big.NewRat(100_000, 1))
	half := new(big.Rat).Add(new(big.Rat).Abs(ticks), big.NewRat(1, 2))
	whole := new(big.Int).Quo(half.Num(), half.Denom())
	if half.IsInt() && whole.Bit(0) == 1 {
		whole.Sub(whole, big.NewInt(1)) // half-way, to the even one
	}
	if whole.Sign() > 0 && (ticks.Sign() < 0 || whole.Cmp(big.NewInt(1e15)) >= 0) {
		return t, false, true
	}
	t.Raw = whole.Int64()
	if offset == "" {
		return t, true, true
	}
	value16, negative, ok := slowHex(offset)
	if !ok || negative {
		return proto.Timestamp{}, false, true
	}
	t.Offset = value16
	return t, true, true
}

func slowUnquote(text string) (plain string, ok bool) {
	plain = slowQuoted.ReplaceAllStringFunc(text, func(quoted string) string {
		n, _ := strconv.ParseUint(quoted[1:], 16, 8)
		return string([]byte{byte(n)})
	})
	return plain, !strings.Contains(text, "\x00")
}

// slowOffer mirrors ssync_receiver.py, decode_missing.
func slowOffer(line string) (o proto.Offer, ok, judged bool) {
	words := append(slowWords(line), "", "", "")
	if strings.ContainsFunc(line, func(r rune) bool { return r >= 0x80 }) || !slowHash.MatchString(words[0]) {
		return o, false, true
	}
	o.Hash, _ = proto.ParseHash(words[0])
	for i, word := range words[1:3] {
		if strings.Contains(word, "%") {
			if words[1+i], ok = slowUnquote(word); !ok {
				return o, false, true
			}
		}
	}
	if o.Data, ok, judged = slowTimestamp(words[1]); !ok || !judged {
		return o, ok, judged
	}
	o.Meta, o.CType = o.Data, o.Data
	for item := range strings.SplitSeq(words[2], ",") {
		parts := strings.Split(item, ":")
		switch {
		case len(parts) == 1:
		case len(parts) > 2:
			return o, false, true
		case parts[0] == "m":
			o.Meta, ok = slowDelta(o.Data, parts[1])
		case parts[0] == "t":
			o.CType, ok = slowDelta(o.Data, parts[1])
		case parts[0] == "durable":
			o.NotDurable = !strings.Contains(" true 1 yes on t y ", " "+proto.LowerASCII(parts[1])+" ") || strings.Contains(parts[1], " ") || parts[1] == ""
		}
		if !ok {
			return o, false, true
		}
	}
	return o, true, true
}

func slowDelta(data proto.Timestamp, text string) (t proto.Timestamp, ok bool) {
	digits, offset, _ := strings.Cut(text, "__")
	delta, negative, ok := slowHex(digits)
	raw := new(big.Int).SetUint64(delta)
	if negative {
		raw.Neg(raw)
	}
	raw.Add(raw, big.NewInt(data.Raw))
	if !ok || delta > 1e15 || raw.Sign() < 0 || raw.Cmp(big.NewInt(1e15)) >= 0 {
		return t, false
	}
	t.Raw = raw.Int64()
	if offset != "" {
		if t.Offset, negative, ok = slowHex(offset); !ok || negative {
			return t, false
		}
	}
	return t, true
}

// slowWanted mirrors ssync_sender.py, decode_wanted.
func slowWanted(line string) (w proto.Wanted, ok bool) {
	words := append(slowWords(line), "", "")
	if !slowHash.MatchString(words[0]) {
		return w, false
	}
	w.Hash, _ = proto.ParseHash(words[0])
	w.Meta = strings.Contains(words[1], "m")
	w.Data = strings.Contains(words[1], "d") || !w.Meta
	return w, true
}

// slowSubrequestLine mirrors ssync_receiver.py, Receiver.updates.
func slowSubrequestLine(line string) (method, name string, ok bool) {
	words := slowWords(line)
	if len(words) < 2 {
		return "", "", false
	}
	_, rest, _ := strings.Cut(strings.Trim(line, blanks), words[0])
	name, ok = slowUnquote(strings.Trim(rest, blanks))
	return words[0], name, ok && slowName.MatchString(name)
}

// slowHead takes a head apart into its first line and its headers, and refuses two
// ways of ending the body.
func slowHead(head string) (first string, headers []proto.Header, ok bool) {
	text, ok := strings.CutSuffix(head, "\n")
	text = strings.TrimSuffix(text, "\r")
	text, ended := strings.CutSuffix(text, "\n")
	if !ok || !ended || len(head) > proto.MaxHead || strings.Contains(head[:len(head)-1], "\n\r\n") && !strings.HasSuffix(head, "\n\r\n") {
		return "", nil, false
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		if strings.ContainsAny(line, "\r\x00") {
			return "", nil, false
		}
		if i == 0 {
			first = line
			continue
		}
		found := slowHeader.FindStringSubmatch(line) // an empty line is none
		if found == nil || i > proto.MaxHeaders {
			return "", nil, false
		}
		headers = append(headers, proto.Header{Name: found[1], Value: strings.Trim(found[2], blanks)})
	}
	return first, headers, slowBody(headers)
}

var slowLength = regexp.MustCompile(`^0*([0-9]{1,19})$`)

func slowBody(headers []proto.Header) bool {
	var codings, lengths []string
	for _, h := range headers {
		switch proto.LowerASCII(h.Name) {
		case "transfer-encoding":
			codings = append(codings, proto.LowerASCII(h.Value))
		case "content-length":
			n, err := strconv.ParseInt(h.Value, 10, 64)
			if !slowLength.MatchString(h.Value) || err != nil {
				return false
			}
			lengths = append(lengths, strconv.FormatInt(n, 10))
		}
	}
	for _, n := range lengths {
		if n != lengths[0] {
			return false
		}
	}
	return len(codings) == 0 || len(codings) == 1 && codings[0] == "chunked" && len(lengths) == 0
}
