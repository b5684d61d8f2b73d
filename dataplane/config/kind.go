package config

import (
	"log/slog"
	"math"
	"net"
	"strings"

	"github.com/ringsync/ringsync/hashes/ini"
	"github.com/ringsync/ringsync/proto"
)

// kind is what a key takes. A kind made over nil checks its text and keeps
// nothing.
type kind struct {
	want  string                 // "a number of seconds"
	parse func(text string) bool // keeps the value; false: not what is wanted
	flag  func(text string) bool // for the text of a flag; nil: as parse
	path  bool

	// word stands for a value in --help; flagWant is what a flag wants, if that is
	// not what the file's key does.
	word, flagWant string
}

func keep[T any](p *T, v T) {
	if p != nil {
		*p = v
	}
}

func text(p *string) kind {
	return kind{want: "text", word: "text", parse: func(text string) bool { keep(p, text); return true }}
}

// path takes a path. Swift's servers work from /, so a relative one of the file
// begins there.
func path(p *string) kind {
	return kind{want: "a path", word: "path", path: true, parse: func(text string) bool {
		if text != "" && text[0] != '/' {
			text = "/" + text
		}
		keep(p, text)
		return text != "" && !strings.ContainsRune(text, 0)
	}}
}

// optionalPath is a path, or empty for none.
func optionalPath(p *string) kind {
	k := path(p)
	given := k.parse
	k.parse = func(text string) bool { return text == "" || given(text) }

	return k
}

func oneOf(p *string, words ...string) kind {
	return kind{want: strings.Join(words, " or "), word: "word", parse: func(text string) bool {
		for _, word := range words {
			if text == word {
				keep(p, text)
				return true
			}
		}
		return false
	}}
}

// truth mirrors config_true_value: no text is wrong, what is not true is false.
// A flag is held to words that say one or the other.
func truth(p *bool) kind {
	parse := func(text string) bool { keep(p, proto.IsTrue(text)); return true }

	return kind{want: "true or false", word: "bool", parse: parse, flag: func(text string) bool {
		switch strings.ToLower(text) {
		case "false", "0", "no", "off", "f", "n":
			return parse(text)
		}
		return proto.IsTrue(text) && parse(text)
	}}
}

// list is words between commas, in lower case.
func list(p *[]string) kind {
	return kind{want: "a list with commas", word: "list", parse: func(text string) bool {
		var words []string
		for word := range strings.SplitSeq(text, ",") {
			if word = strings.ToLower(ini.Strip(word)); word != "" {
				words = append(words, word)
			}
		}
		keep(p, words)
		return true
	}}
}

// host and port are two keys, and one flag of the form HOST:PORT.
func host(p *string) kind {
	k := text(p)
	k.want, k.flagWant, k.word = "an address or a host name", "HOST:PORT", "HOST:PORT"
	k.parse = func(text string) bool { keep(p, text); return text != "" }
	k.flag = func(text string) bool {
		host, _, err := net.SplitHostPort(text)
		keep(p, host)
		return err == nil
	}

	return k
}

func port(p *int) kind {
	k := integer(p, 1, math.MaxUint16)
	k.flagWant = "HOST:PORT"
	k.flag = func(text string) bool {
		_, port, err := net.SplitHostPort(text)
		return err == nil && integer(p, 0, math.MaxUint16).parse(port) // 0: any free one
	}

	return k
}

// level takes Python's names of levels, and Swift's NOTICE. For another word
// Swift takes INFO, and says nothing.
func level(p *slog.Level) kind {
	levels := map[string]slog.Level{
		"DEBUG": slog.LevelDebug, "INFO": slog.LevelInfo, "NOTICE": slog.LevelInfo + 2,
		"WARN": slog.LevelWarn, "WARNING": slog.LevelWarn, "ERROR": slog.LevelError,
		"CRITICAL": slog.LevelError + 4, "FATAL": slog.LevelError + 4,
	}

	return kind{want: "debug, info, notice, warning, error or critical", word: "level", parse: func(text string) bool {
		level, ok := levels[strings.ToUpper(text)]
		if ok {
			keep(p, level)
		}
		return ok
	}}
}
