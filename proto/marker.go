package proto

// The lines that open and close the two halves of the dialogue, each said by
// both sides, here without their CRLF.
const (
	MissingCheckStart = ":MISSING_CHECK: START"
	MissingCheckEnd   = ":MISSING_CHECK: END"
	UpdatesStart      = ":UPDATES: START"
	UpdatesEnd        = ":UPDATES: END"
)

// IsMarker tells whether line, with or without its line end, is the given
// marker; blanks around it do not count.
func IsMarker(line []byte, marker string) bool {
	return string(TrimBlanks(line)) == marker
}
