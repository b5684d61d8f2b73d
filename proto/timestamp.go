package proto

import (
	"cmp"
	"strconv"
	"time"
)

// Timestamp is Swift's time: Raw counts 10 µs since the epoch, and Offset, which
// the reconciler sets when it moves an object, breaks ties. It has three forms:
//
//	normal    1700000005.12345                    always 10.5 digits
//	internal  1700000005.12345_000000000000000a   offset only if not 0
//	short     1700000005.12345_a                  offset only if not 0
//
// The order of times is the string order of their internal forms. Source:
// swift/common/utils/timestamp.py, Timestamp.
type Timestamp struct {
	Raw    int64 // 0 ≤ Raw < 10^15
	Offset uint64
}

const (
	ticksPerSecond = 100_000
	tick           = time.Second / ticksPerSecond

	// rawLimit is 10^10 seconds: eleven digits would break the string order.
	rawLimit = 1e10 * ticksPerSecond

	secondDigits = 10
	normalBytes  = secondDigits + 1 + 5
	offsetDigits = 16
)

// Compare orders by Raw, then by Offset; it returns -1, 0 or 1.
func (t Timestamp) Compare(u Timestamp) int {
	return cmp.Or(cmp.Compare(t.Raw, u.Raw), cmp.Compare(t.Offset, u.Offset))
}

// Before tells whether t is older than u.
func (t Timestamp) Before(u Timestamp) bool { return t.Compare(u) < 0 }

// After tells whether t is newer than u.
func (t Timestamp) After(u Timestamp) bool { return t.Compare(u) > 0 }

// IsZero tells whether t is the epoch without an offset, which no object bears.
func (t Timestamp) IsZero() bool { return t == Timestamp{} }

// Plus returns the time delta ticks of 10 µs after t, or before it, without
// t's offset. It fails when that lies before the epoch or beyond ten digits of
// seconds.
func (t Timestamp) Plus(delta int64) (Timestamp, error) {
	if delta < -t.Raw || delta >= rawLimit-t.Raw {
		return Timestamp{}, syntaxError("timestamp delta", "a result of 0 to 10^10 seconds",
			strconv.AppendInt(nil, delta, 10))
	}
	return Timestamp{Raw: t.Raw + delta}, nil
}

// Time returns t as a time in UTC, without its offset.
func (t Timestamp) Time() time.Time {
	return time.Unix(t.Raw/ticksPerSecond, t.Raw%ticksPerSecond*int64(tick)).UTC()
}

// TimestampOf returns the tick nearest to at, of two equally near the even one,
// as Python rounds. What no timestamp can express becomes the first or the last
// that there is.
func TimestampOf(at time.Time) Timestamp {
	seconds := at.Unix()
	switch {
	case seconds < 0:
		return Timestamp{}
	case seconds >= rawLimit/ticksPerSecond:
		return Timestamp{Raw: rawLimit - 1}
	}

	nanos := int64(at.Nanosecond())
	raw := seconds*ticksPerSecond + nanos/int64(tick)
	if rest := nanos % int64(tick); rest > int64(tick)/2 || rest == int64(tick)/2 && raw%2 == 1 {
		raw++
	}
	return Timestamp{Raw: min(raw, rawLimit-1)}
}

// AppendInternal appends the internal form: 16 bytes, or 33 with an offset.
func (t Timestamp) AppendInternal(dst []byte) []byte {
	dst = t.AppendNormal(dst)
	if t.Offset == 0 {
		return dst
	}
	dst = append(dst, '_')
	for shift := 4 * (offsetDigits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, lowerHex[t.Offset>>shift&0xf])
	}
	return dst
}

// AppendShort appends the short form, which file names of .meta files use.
func (t Timestamp) AppendShort(dst []byte) []byte {
	dst = t.AppendNormal(dst)
	if t.Offset == 0 {
		return dst
	}
	return strconv.AppendUint(append(dst, '_'), t.Offset, 16)
}

// AppendNormal appends the normal form, 16 bytes, the offset left out. It panics
// if Raw is out of range: a longer or shorter name would sort wrongly for ever.
func (t Timestamp) AppendNormal(dst []byte) []byte {
	if t.Raw < 0 || t.Raw >= rawLimit {
		panic("proto: timestamp out of range: " + strconv.FormatInt(t.Raw, 10))
	}

	var text [normalBytes]byte
	rest := t.Raw
	for i := len(text) - 1; i >= 0; i-- {
		if i == secondDigits {
			text[i] = '.'
			continue
		}
		text[i] = byte('0' + rest%10)
		rest /= 10
	}
	return append(dst, text[:]...)
}

// Internal returns the internal form.
func (t Timestamp) Internal() string { return string(t.AppendInternal(nil)) }

// Normal returns the normal form.
func (t Timestamp) Normal() string { return string(t.AppendNormal(nil)) }

// Short returns the short form.
func (t Timestamp) Short() string { return string(t.AppendShort(nil)) }

// String returns the internal form.
func (t Timestamp) String() string { return t.Internal() }
