package conformance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/ringsync/ringsync/proto"
)

// maxHeard bounds what is kept of one session.
const maxHeard = 32 << 20

// ending is how a stream came to its end, as far as it has.
type ending int

const (
	open   ending = iota
	ended         // by its last chunk, or its length
	hungUp        // the connection ended, or was reset
	broken        // by something that is no chunk
	silent        // nothing came for as long as we wait
)

// stream is what the judged says in one session: a head, and a body of which all
// is kept, so that an alternative can be read from where it begins.
type stream struct {
	conn     net.Conn
	patience time.Duration

	raw     []byte // read, and not taken apart yet
	chunked bool
	length  int64 // of a body that is not; -1: until the connection ends
	dec     proto.Dechunker

	body []byte
	at   int // how much of it has been understood
	end  ending
	why  error
}

// said is what stands in a report for what came instead.
func (s *stream) said() string {
	switch rest := s.body[s.at:]; {
	case len(rest) > 0:
		return fmt.Sprintf("%.200q", rest)
	case s.end == ended:
		return "the end"
	case s.end == hungUp:
		return "a hang-up"
	case s.end == broken:
		return fmt.Sprintf("what is no chunk (%v)", s.why)
	}
	return fmt.Sprintf("silence for %v", s.patience)
}

// head reads up to and including a blank line.
func (s *stream) head() ([]byte, error) {
	for {
		if end := proto.HeadEnd(s.raw); end >= 0 {
			head := s.raw[:end]
			s.raw = s.raw[end:]
			return head, nil
		}
		if len(s.raw) > proto.MaxHead {
			return nil, fmt.Errorf("a head of more than %d bytes", proto.MaxHead)
		}
		if err := s.read(); err != nil {
			return nil, err
		}
	}
}

// read takes what the connection has.
func (s *stream) read() error {
	s.conn.SetReadDeadline(time.Now().Add(s.patience))
	piece := make([]byte, 32<<10)
	n, err := s.conn.Read(piece)
	s.raw = append(s.raw, piece[:n]...)
	switch {
	case n > 0:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.end = silent
		return fmt.Errorf("silence for %v", s.patience)
	}
	s.end = hungUp
	return errors.New("a hang-up")
}

// fill makes more of the body known; false when there will be none.
func (s *stream) fill() bool {
	for before := len(s.body); len(s.body) == before; {
		if s.end == open {
			s.take()
		}
		if len(s.body) > before {
			return true
		}
		if s.end != open {
			return false
		}
		if len(s.body) > maxHeard {
			s.end, s.why = broken, fmt.Errorf("more than %d bytes", maxHeard)
			return false
		}
		if s.read() != nil {
			if s.end == hungUp && !s.chunked && s.length < 0 {
				s.end = ended
			}
			return false
		}
	}
	return true
}

// take moves raw bytes into the body.
func (s *stream) take() {
	if !s.chunked {
		n := len(s.raw)
		if s.length >= 0 {
			n = int(min(int64(n), s.length))
			s.length -= int64(n)
		}
		s.body, s.raw = append(s.body, s.raw[:n]...), s.raw[n:]
		if s.length == 0 {
			s.end = ended
		}
		return
	}
	for len(s.raw) > 0 {
		data, n, err := s.dec.Next(s.raw)
		s.body = append(s.body, data...)
		s.raw = s.raw[n:]
		switch {
		case err == io.EOF:
			s.end = ended
			return
		case err != nil:
			s.end, s.why = broken, err
			return
		}
	}
}

// line takes the next line, without its end; false where there is none. Only
// where no chunks are, in the text of a refusal, the last one may lack its end.
func (s *stream) line() (string, bool) {
	for {
		if i := bytes.IndexByte(s.body[s.at:], '\n'); i >= 0 {
			text := s.body[s.at : s.at+i]
			s.at += i + 1
			return string(bytes.TrimSuffix(text, []byte("\r"))), true
		}
		if s.fill() {
			continue
		}
		rest := s.body[s.at:]
		if s.chunked || s.end != ended || len(rest) == 0 {
			return "", false
		}
		s.at = len(s.body)
		return string(rest), true
	}
}

// bytes takes n bytes; false, and nothing taken, where there are fewer.
func (s *stream) bytes(n int) ([]byte, bool) {
	for len(s.body)-s.at < n {
		if !s.fill() {
			return nil, false
		}
	}
	data := s.body[s.at : s.at+n]
	s.at += n
	return data, true
}

// over tells how the stream ends, once nothing but blank lines is left of it.
func (s *stream) over(skipBlanks bool) (ending, bool) {
	for s.fill() {
	}
	rest := s.body[s.at:]
	if skipBlanks {
		rest = bytes.TrimSpace(rest)
	}
	return s.end, len(rest) == 0
}
