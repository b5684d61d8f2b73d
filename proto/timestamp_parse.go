package proto

// ParseTimestamp reads any of the three forms, and whatever else Swift's
// Timestamp would take: blanks, fewer or more digits, an exponent (1e3), a
// short or an empty offset (5_a, 5_).
//
// More than five decimals are rounded, half-way cases to the even tick, and -0 and
// what rounds to it are 0. The decimal digits decide; Swift rounds a binary float,
// which near today's dates comes to the same tick unless the value lies within
// half a microsecond of half-way. Whatever rounds below zero or to 10^10 seconds
// and more is refused, and so is a negative offset, which Swift would take.
// Source: swift/common/utils/timestamp.py, Timestamp.__init__.
func ParseTimestamp[T ~string | ~[]byte](s T) (Timestamp, error) {
	base, offset, found := cutByte(s, '_')
	raw, ok := parseNormal(base)
	if !ok {
		raw, ok = parseDecimal(TrimBlanks(base))
	}
	if !ok {
		return Timestamp{}, syntaxError("timestamp", "seconds from 0 to 10^10", s)
	}
	if !found || len(offset) == 0 {
		return Timestamp{Raw: raw}, nil
	}

	value, negative, ok := parseHex(offset)
	if !ok || negative {
		return Timestamp{}, syntaxError("timestamp", "an offset of at most 16 hex digits", s)
	}
	return Timestamp{Raw: raw, Offset: value}, nil
}

// parseNormal reads the 16 bytes that nearly every timestamp is.
func parseNormal[T ~string | ~[]byte](s T) (raw int64, ok bool) {
	if len(s) != normalBytes || s[secondDigits] != '.' {
		return 0, false
	}
	for i := range normalBytes {
		if i == secondDigits {
			continue
		}
		if !isDigit(s[i]) {
			return 0, false
		}
		raw = 10*raw + int64(s[i]-'0')
	}
	return raw, true
}

// parseDecimal reads a number of seconds as Python's float does and rounds it to
// ticks of 10 µs.
func parseDecimal[T ~string | ~[]byte](s T) (raw int64, ok bool) {
	negative := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		negative = s[0] == '-'
		s = s[1:]
	}
	mantissa, exponent, ok := cutExponent(s)
	if !ok {
		return 0, false
	}
	point, ok := measureMantissa(mantissa)
	if !ok {
		return 0, false
	}

	const decimals = 5 // of a tick
	raw, ok = roundDigits(mantissa, point+exponent+decimals)
	return raw, ok && (raw == 0 || !negative)
}

// cutExponent splits "1.5e-3" into "1.5" and -3.
func cutExponent[T ~string | ~[]byte](s T) (mantissa T, exponent int, ok bool) {
	at := 0
	for at < len(s) && lower(s[at]) != 'e' {
		at++
	}
	mantissa = s[:at]
	if at == len(s) {
		return mantissa, 0, true
	}

	digits := s[at+1:]
	negative := false
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		negative = digits[0] == '-'
		digits = digits[1:]
	}
	for i := range len(digits) {
		if !isDigit(digits[i]) {
			return mantissa, 0, false
		}
		// Far beyond any mantissa's length; it must only not overflow.
		const enough = 1 << 40
		exponent = min(10*exponent+int(digits[i]-'0'), enough)
	}
	if negative {
		exponent = -exponent
	}
	return mantissa, exponent, len(digits) > 0
}

// measureMantissa checks that s is digits with at most one point among them, and
// returns how many of its significant digits stand before the point; for 0.0012
// that is -2.
func measureMantissa[T ~string | ~[]byte](s T) (point int, ok bool) {
	digits, significant, pointSeen := 0, 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && !pointSeen:
			pointSeen = true
			continue
		case !isDigit(c):
			return 0, false
		case c != '0' || significant > 0:
			significant++
			if !pointSeen {
				point++
			}
		case pointSeen:
			point-- // a zero between the point and the first digit that counts
		}
		digits++
	}
	return point, digits > 0
}

// roundDigits takes the first n significant digits of the mantissa for an
// integer and rounds by those that follow. ok is false if it exceeds rawLimit.
func roundDigits[T ~string | ~[]byte](mantissa T, n int) (raw int64, ok bool) {
	taken, next, more := 0, byte('0'), false
	for i := range len(mantissa) {
		c := mantissa[i]
		if c == '.' || c == '0' && taken == 0 {
			continue
		}
		switch {
		case taken < n && raw >= rawLimit:
			return 0, false
		case taken < n:
			raw = 10*raw + int64(c-'0')
		case taken == n:
			next = c
		default:
			more = more || c != '0'
		}
		taken++
	}
	if taken == 0 || n < 0 {
		return 0, true
	}

	for ; taken < n; taken++ {
		if raw >= rawLimit {
			return 0, false
		}
		raw *= 10
	}
	if next > '5' || next == '5' && (more || raw%2 == 1) {
		raw++
	}
	return raw, raw < rawLimit
}
