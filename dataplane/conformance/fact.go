package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ringsync/ringsync/hashes"
)

// FactKind is what a fact says of an object.
type FactKind int

// The kinds of facts.
const (
	IsData        FactKind = iota // <name> data <time> "body" Key=Value …
	IsMeta                        // <name> meta <time> Key=Value …
	IsTombstone                   // <name> tombstone <time>
	IsNothing                     // <name> nothing
	IsQuarantined                 // <name> quarantined
	HasFiles                      // <name> files <file> …
	HasFile                       // <name> file <file> "body" Key=Value …
	IsDamaged                     // <name> damaged <how>
)

var factWords = []string{"data", "meta", "tombstone", "nothing", "quarantined", "files", "file", "damaged"}

// onlyOnDisk tells the facts that the wire can neither make nor tell.
func (k FactKind) onlyOnDisk() bool { return k >= IsQuarantined }

// Fact is a state of one object on a disk.
type Fact struct {
	Kind   FactKind
	Name   string // /a/c/o
	Time   string // "@1": of the .data, .meta or .ts
	Body   string
	Fields hashes.Metadata // besides those that follow from the rest
	Files  []string        // of HasFiles; the one of HasFile
	How    string          // of IsDamaged
}

// The ways to damage the newest file of an object.
var damages = []string{"checksum", "pickle", "no-metadata", "short", "flipped", "not-a-directory"}

// parseFact reads what stands behind "given", "then" or "meanwhile".
func parseFact(text string) (*Fact, error) {
	words, err := splitWords(text)
	if err != nil {
		return nil, err
	}
	if len(words) < 2 || !strings.HasPrefix(words[0].text, "/") {
		return nil, fmt.Errorf("a fact needs a name and what it is")
	}
	f := &Fact{Name: words[0].text, Kind: FactKind(slices.Index(factWords, words[1].text))}
	rest := words[2:]
	switch f.Kind {
	case IsData, IsMeta, IsTombstone:
		if len(rest) == 0 || !strings.HasPrefix(rest[0].text, "@") {
			return nil, fmt.Errorf("%s needs a time", words[1].text)
		}
		f.Time = rest[0].text
		return f, f.contents(rest[1:], f.Kind == IsData)
	case HasFile:
		if len(rest) == 0 {
			return nil, fmt.Errorf("file needs a name")
		}
		f.Files = []string{rest[0].text}
		return f, f.contents(rest[1:], true)
	case HasFiles:
		for _, w := range rest {
			f.Files = append(f.Files, w.text)
		}
		return f, nil
	case IsDamaged:
		if len(rest) != 1 || !slices.Contains(damages, rest[0].text) {
			return nil, fmt.Errorf("damaged how? %s", strings.Join(damages, ", "))
		}
		f.How = rest[0].text
		return f, nil
	case IsNothing, IsQuarantined:
		if len(rest) > 0 {
			return nil, fmt.Errorf("%s says it all", words[1].text)
		}
		return f, nil
	}
	return nil, fmt.Errorf("%.32q is no fact: %s", words[1].text, strings.Join(factWords, ", "))
}

// contents reads a body, if there may be one, and the fields.
func (f *Fact) contents(words []word, body bool) error {
	if body && len(words) > 0 && words[0].quoted {
		f.Body, words = words[0].text, words[1:]
		if len(words) > 1 && words[0].text == "times" {
			n, err := parseTimes(words[1].text, maxData)
			if err != nil {
				return err
			}
			if n*len(f.Body) > maxData {
				return fmt.Errorf("a body of more than %d bytes", maxData)
			}
			f.Body, words = strings.Repeat(f.Body, n), words[2:]
		}
	}
	for _, w := range words {
		key, value, ok := cutField(w)
		if !ok {
			return fmt.Errorf("%.32q is no Key=Value", w.text)
		}
		f.Fields.Set(key, value)
	}
	return nil
}

// cutField splits "Key=Value", either of which may be a Go string.
func cutField(w word) (key, value string, ok bool) {
	key, value, ok = strings.Cut(w.text, "=")
	if quoted, err := strconv.QuotedPrefix(w.text); err == nil {
		key = quoted
		value, ok = strings.CutPrefix(w.text[len(quoted):], "=")
	}
	for _, text := range []*string{&key, &value} {
		if !strings.HasPrefix(*text, `"`) {
			continue
		}
		plain, err := strconv.Unquote(*text)
		*text, ok = plain, ok && err == nil
	}
	return key, value, ok && key != "" && !w.quoted
}

// word is a word of a fact; quoted if all of it was.
type word struct {
	text   string
	quoted bool
}

// splitWords splits at blanks; a Go string, also behind Key=, may hold some, and
// so may a name in braces.
func splitWords(text string) ([]word, error) {
	var words []word
	for {
		text = strings.TrimLeft(text, " ")
		if text == "" {
			return words, nil
		}
		end := 0
		for end < len(text) && text[end] != ' ' {
			if text[end] != '"' {
				end++
				continue
			}
			quoted, err := strconv.QuotedPrefix(text[end:])
			if err != nil {
				return nil, fmt.Errorf("%.32q: bad quotes", text[end:])
			}
			end += len(quoted)
		}
		w := word{text: text[:end]}
		if plain, err := strconv.Unquote(w.text); err == nil && w.text[0] == '"' {
			w = word{plain, true}
		}
		words, text = append(words, w), text[end:]
	}
}

// String is the fact as a script writes it, without its body.
func (f *Fact) String() string {
	parts := []string{f.Name, factWords[f.Kind]}
	if f.Time != "" {
		parts = append(parts, f.Time)
	}
	parts = append(parts, f.Files...)
	return strings.Join(parts, " ")
}
