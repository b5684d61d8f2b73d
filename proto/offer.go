package proto

import "strconv"

// Offer is what a sender says of one object: its hash and the times of its
// .data (or .ts: the two look the same), of its .meta and of its content type.
// Without a .meta, Meta equals Data; without a content type of its own, CType
// equals Data. NotDurable marks an erasure-coded fragment not yet committed.
type Offer struct {
	Hash              Hash
	Data, Meta, CType Timestamp
	NotDurable        bool
}

// AppendOffer appends the missing-check line of o to dst:
//
//	<hash> <data>[ m:<delta>[__<offset>][,t:<delta>[__<offset>]][,durable:False]]\r\n
//
// hash is 32 hex digits, data an internal timestamp; deltas count 10 µs from
// data, in hex. m is written when Meta differs from Data, t when CType does too.
// Swift before 2.32 reads neither offset and takes Data's for both. Source:
// swift/obj/ssync_sender.py, encode_missing.
func AppendOffer(dst []byte, o Offer) []byte {
	dst = o.Hash.AppendTo(dst)
	dst = o.Data.AppendInternal(append(dst, ' '))

	separator := byte(' ')
	if o.Meta != o.Data {
		dst = appendDelta(append(dst, separator, 'm', ':'), o.Data, o.Meta)
		separator = ','
		if o.CType != o.Data {
			dst = appendDelta(append(dst, separator, 't', ':'), o.Data, o.CType)
		}
	}
	if o.NotDurable {
		dst = append(append(dst, separator), "durable:False"...)
	}
	return append(dst, '\r', '\n')
}

func appendDelta(dst []byte, from, to Timestamp) []byte {
	dst = strconv.AppendInt(dst, to.Raw-from.Raw, 16)
	if to.Offset == 0 {
		return dst
	}
	return strconv.AppendUint(append(dst, '_', '_'), to.Offset, 16)
}

// AppendOffer2013 appends the line that Swift before 2.3 reads: the hash and one
// time, that of the newest file, and nothing more. A third word kills such a
// receiver.
func AppendOffer2013(dst []byte, o Offer) []byte {
	dst = o.Hash.AppendTo(dst)
	dst = o.Meta.AppendInternal(append(dst, ' '))
	return append(dst, '\r', '\n')
}

// ParseOffer reads a missing-check line, of either generation, without its line
// end. Unknown attributes with one colon are ignored, and so are items without
// any and words after the third; what makes Swift end the session is an error
// here: two colons, a delta that is no hex number, a time out of range, a byte
// that is not ASCII. Stricter than Swift, the hash must be one. Source:
// swift/obj/ssync_receiver.py, decode_missing.
func ParseOffer(line []byte) (Offer, error) {
	if !isASCII(line) {
		return Offer{}, syntaxError("offer", "ASCII", line)
	}
	hash, rest := cutWord(line)
	data, rest := cutWord(rest)
	attributes, _ := cutWord(rest)

	var o Offer
	var err error
	if o.Hash, err = ParseHash(hash); err != nil {
		return Offer{}, err
	}
	if data, err = unquoteWord(data); err != nil {
		return Offer{}, err
	}
	if o.Data, err = ParseTimestamp(data); err != nil {
		return Offer{}, err
	}
	o.Meta, o.CType = o.Data, o.Data

	if attributes, err = unquoteWord(attributes); err != nil {
		return Offer{}, err
	}
	if err := o.parseAttributes(attributes); err != nil {
		return Offer{}, err
	}
	return o, nil
}

func (o *Offer) parseAttributes(list []byte) error {
	for more := true; more; {
		var item []byte
		item, list, more = cutByte(list, ',')
		key, value, found := cutByte(item, ':')
		if !found {
			continue
		}
		if _, _, again := cutByte(value, ':'); again {
			return syntaxError("offer attribute", "one colon", item)
		}
		if err := o.setAttribute(key, value); err != nil {
			return err
		}
	}
	return nil
}

func (o *Offer) setAttribute(key, value []byte) (err error) {
	switch string(key) {
	case "m":
		o.Meta, err = parseDelta(o.Data, value)
	case "t":
		o.CType, err = parseDelta(o.Data, value)
	case "durable":
		o.NotDurable = !IsTrue(value)
	}
	return err
}

// parseDelta reads "<delta>[__<offset>]" and counts from the normal form of
// data: its offset is its own.
func parseDelta(data Timestamp, value []byte) (Timestamp, error) {
	digits, offset := cutOffset(value)
	delta, negative, ok := parseHex(digits)
	if !ok || delta > rawLimit {
		return Timestamp{}, syntaxError("offer delta", "a hex count of 10 µs", value)
	}
	signed := int64(delta)
	if negative {
		signed = -signed
	}
	t, err := data.Plus(signed)
	if err != nil || len(offset) == 0 {
		return t, err
	}

	t.Offset, negative, ok = parseHex(offset)
	if !ok || negative {
		return Timestamp{}, syntaxError("offer delta", "an offset of at most 16 hex digits", value)
	}
	return t, nil
}

// cutOffset splits "<delta>__<offset>"; without the two underscores all of
// value is the delta.
func cutOffset(value []byte) (delta, offset []byte) {
	delta, rest, found := cutByte(value, '_')
	if found && len(rest) > 0 && rest[0] == '_' {
		return delta, rest[1:]
	}
	return value, nil
}

// unquoteWord undoes percent signs, which Swift's quoting never makes of the
// words of an offer; only then does it allocate.
func unquoteWord(word []byte) ([]byte, error) {
	if _, _, found := cutByte(word, '%'); !found {
		return word, nil
	}
	plain, err := Unquote(word)
	return []byte(plain), err
}

func isASCII(line []byte) bool {
	for _, c := range line {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
