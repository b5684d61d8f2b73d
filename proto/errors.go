package proto

import "fmt"

// maxGot is how many foreign bytes an error carries along.
const maxGot = 64

// SyntaxError says which word of the wire could not be read. Want says what
// belongs there; Got holds at most 64 bytes of what was there instead.
type SyntaxError struct {
	What, Want, Got string
}

// Error quotes Got, so that control bytes of a peer reach no log unescaped.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s: want %s, got %q", e.What, e.Want, e.Got)
}

// syntaxError copies the head of got: the caller's buffer will be reused.
func syntaxError[T ~string | ~[]byte](what, want string, got T) error {
	return &SyntaxError{What: what, Want: want, Got: string(got[:min(len(got), maxGot)])}
}
