package conformance

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// world is what the words of a script stand for in one run of it:
//
//	/a/…          an object of this run's own account
//	{/a/c/o}      its hash
//	@5.25_a       25/100 s and 5 s after the script's second 0, with offset 10
//	@5s           in whole seconds, as X-Delete-At has it
//	{device} …    what the one who runs the suite said
//	…             any text, where something is waited for
type world struct {
	account string
	zero    int64 // the script's second 0, in seconds since the epoch
	secret  hashes.Secret
	words   map[string]string
	devices string            // directory of the devices, "" if it is not known
	hashes  map[string]string // names by their hash, to tell of them in their own words
}

// scriptAge is how far second 0 lies back: long enough for every time of a
// script to be in the past, and far less than any reclaim_age.
const scriptAge = time.Hour

func newWorld(account string) *world {
	return &world{account: account, zero: time.Now().Add(-scriptAge).Unix(), words: map[string]string{}, hashes: map[string]string{}}
}

// placeholders are the words that may stand in braces, besides names.
var placeholders = []string{"device", "partition", "other", "host", "policy", "length", "n"}

var timeWord = regexp.MustCompile(`^@(\d{1,6})(\.\d{1,5})?(_[0-9a-f]{1,16})?(s\b)?`)

// expand turns the words of a text into what they stand for.
func (w *world) expand(text string) (string, error) {
	var b strings.Builder
	for text != "" {
		switch {
		case text[0] == '{':
			end := strings.IndexByte(text, '}')
			if end < 0 {
				return "", fmt.Errorf("%.32q: a brace without its other half", text)
			}
			value, err := w.word(text[1:end])
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			text = text[end+1:]
		case timeWord.MatchString(text):
			found := timeWord.FindString(text)
			value, err := w.time(found)
			if err != nil {
				return "", err
			}
			b.WriteString(value)
			text = text[len(found):]
		case strings.HasPrefix(text, "/a/"):
			b.WriteString("/" + w.account)
			text = text[2:]
		default:
			b.WriteByte(text[0])
			text = text[1:]
		}
	}
	return b.String(), nil
}

func (w *world) word(word string) (string, error) {
	if strings.HasPrefix(word, "/") {
		return w.hash(word).String(), nil
	}
	for _, known := range placeholders {
		if word == known {
			return w.words[word], nil
		}
	}
	return "", fmt.Errorf("{%.32s} stands for nothing", word)
}

// name is an object's name in this run.
func (w *world) name(name string) string {
	if rest, ours := strings.CutPrefix(name, "/a/"); ours {
		return "/" + w.account + "/" + rest
	}
	return name
}

func (w *world) hash(name string) proto.Hash {
	h := w.secret.Hash(w.name(name))
	w.hashes[h.String()] = name
	return h
}

// time reads "@5.25_a", or "@5s" for whole seconds.
func (w *world) time(text string) (string, error) {
	if seconds, whole := strings.CutSuffix(text, "s"); whole {
		n, err := strconv.ParseInt(seconds[1:], 10, 64)
		return strconv.FormatInt(w.zero+n, 10), err
	}
	ts, err := w.timestamp(text)
	return ts.Internal(), err
}

func (w *world) timestamp(text string) (proto.Timestamp, error) {
	ts, err := proto.ParseTimestamp(strings.TrimPrefix(text, "@"))
	if err != nil {
		return ts, err
	}
	offset := ts.Offset
	ts, err = ts.Plus(w.zero * 100_000) // seconds in ticks of 10 µs
	ts.Offset = offset
	return ts, err
}

// try expands all texts of a step, to find out whether that goes.
func (w *world) try(s *Step) error {
	texts := append([]string{s.Text, s.Data}, s.Lines...)
	if f := s.Fact; f != nil {
		if _, err := w.timestamp(f.Time); f.Time != "" && err != nil {
			return err
		}
		texts = append(texts, f.Files...)
		for _, field := range f.Fields {
			texts = append(texts, field.Value)
		}
	}
	for _, text := range texts {
		if _, err := w.expand(text); err != nil {
			return err
		}
	}
	return nil
}

var (
	someTime = regexp.MustCompile(`\b(\d{10})(\.\d{5})?(_[0-9a-f]{16})?\b`)
	someHash = regexp.MustCompile(`(/[0-9a-f]{3}/)?\b[0-9a-f]{32}\b`)
)

// plain says what was heard in the words of the script, so that it can be read,
// and two runs can be compared.
func (w *world) plain(text string) string {
	if w.devices != "" {
		text = strings.ReplaceAll(text, w.devices, "{devices}")
	}
	text = someHash.ReplaceAllStringFunc(text, func(found string) string {
		suffix, h := found[:len(found)-32], found[len(found)-32:]
		name, known := w.hashes[h]
		switch {
		case !known:
			return found
		case suffix != "":
			return "/" + anything + "/{" + name + "}"
		}
		return "{" + name + "}"
	})
	text = someTime.ReplaceAllStringFunc(text, w.plainTime)
	return strings.ReplaceAll(text, "/"+w.account+"/", "/a/")
}

func (w *world) plainTime(text string) string {
	ts, err := proto.ParseTimestamp(text)
	if err != nil {
		return text
	}
	ticks := ts.Raw - w.zero*100_000
	if ticks < 0 || ticks >= int64(scriptAge/time.Second)*100_000 {
		return text
	}
	plain := "@" + strconv.FormatInt(ticks/100_000, 10)
	if !strings.Contains(text, ".") {
		return plain + "s"
	}
	if rest := ticks % 100_000; rest != 0 {
		plain += strings.TrimRight(fmt.Sprintf(".%05d", rest), "0")
	}
	if ts.Offset != 0 {
		plain += "_" + strconv.FormatUint(ts.Offset, 16)
	}
	return plain
}
