package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/hashes"
)

// integer mirrors int(), within limits.
func integer(p *int, from, to int) kind {
	want := fmt.Sprintf("an integer from %d to %d", from, to)
	switch {
	case to == math.MaxInt && from == math.MinInt:
		want = "an integer"
	case to == math.MaxInt:
		want = fmt.Sprintf("an integer of at least %d", from)
	}

	return kind{want: want, word: "int", parse: func(text string) bool {
		n, ok := hashes.ParsePythonInt(text, 10)
		if ok = ok && n >= int64(from) && n <= int64(to); ok {
			keep(p, int(n))
		}
		return ok
	}}
}

// count is an integer that counts something.
func count(p *int) kind { return integer(p, 0, math.MaxInt) }

// optionalInteger is nil where the key is not written.
func optionalInteger(p **int, from, to int) kind {
	n := new(int)
	k := integer(n, from, to)
	given := k.parse
	k.parse = func(text string) bool {
		ok := given(text)
		if ok {
			*p = n
		}
		return ok
	}

	return k
}

// autoInteger mirrors config_auto_int_value.
func autoInteger(p *int, auto int) kind {
	k := integer(p, math.MinInt, math.MaxInt)
	given := k.parse
	k.want = "an integer or auto"
	k.parse = func(text string) bool {
		if strings.EqualFold(text, "auto") {
			keep(p, auto)
			return true
		}
		return given(text)
	}

	return k
}

// maxSeconds keeps a time within time.Duration: a century.
const maxSeconds = 100 * 365 * 24 * 3600

// seconds mirrors float(), of a time.
func seconds(p *time.Duration) kind {
	k := kind{want: "a number of seconds", word: "seconds", parse: func(text string) bool {
		v, ok := pythonFloat(text)
		if ok = ok && v >= 0 && v <= maxSeconds; ok {
			keep(p, time.Duration(v*float64(time.Second)))
		}
		return ok
	}}

	return k.orDuration(p)
}

// wholeSeconds mirrors int(), of a time.
func wholeSeconds(p *time.Duration) kind {
	k := secondsWithin(p, 0, maxSeconds)
	k.want = "a whole number of seconds"

	return k.orDuration(p)
}

func secondsWithin(p *time.Duration, from, to int) kind {
	var n int
	k := integer(&n, from, to)
	given := k.parse
	k.want, k.word = k.want+", seconds", "seconds"
	k.parse = func(text string) bool {
		ok := given(text)
		if ok {
			keep(p, time.Duration(n)*time.Second)
		}
		return ok
	}

	return k
}

// orDuration has a flag take a time with its unit too: 90s, 2m.
func (k kind) orDuration(p *time.Duration) kind {
	k.flag = func(text string) bool {
		if d, err := time.ParseDuration(text); err == nil && d >= 0 {
			keep(p, d)
			return true
		}
		return k.parse(text)
	}

	return k
}

// float mirrors float() and config_float_value.
func float(p *float64, from, to float64) kind {
	want := fmt.Sprintf("a number from %g to %g", from, to)
	if math.IsInf(to, 1) {
		want = fmt.Sprintf("a number of at least %g", from)
	}

	return kind{want: want, word: "float", parse: func(text string) bool {
		v, ok := pythonFloat(text)
		if ok = ok && v >= from && v <= to; ok {
			keep(p, v)
		}
		return ok
	}}
}

// reserve mirrors config_fallocate_value, and wants a percentage to be one.
func reserve(p *Reserve) kind {
	return kind{want: "bytes or a percentage", word: "bytes|N%", parse: func(text string) bool {
		if percent, ok := strings.CutSuffix(text, "%"); ok {
			v, ok := pythonFloat(percent)
			keep(p, Reserve{Percent: v})
			return ok && v >= 0 && v <= 100
		}
		n, ok := hashes.ParsePythonInt(text, 10)
		keep(p, Reserve{Bytes: n})
		return ok && n >= 0
	}}
}

// pythonFloat mirrors float() for finite numbers in ASCII: blanks around, and
// single underscores between digits.
func pythonFloat(text string) (float64, bool) {
	text = strings.Trim(text, " \t\n\v\f\r")
	for i, c := range []byte(text) {
		switch {
		case '0' <= c && c <= '9', strings.IndexByte("+-.eE", c) >= 0:
		case c == '_' && i > 0 && i+1 < len(text) && isDigit(text[i-1]) && isDigit(text[i+1]):
		default:
			return 0, false
		}
	}
	v, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)

	return v, err == nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
