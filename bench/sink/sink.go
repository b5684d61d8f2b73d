// Package sink is a receiver that has nothing and keeps nothing, so that a sender
// can be measured alone. It holds the dialogue of SSYNC, wants the data of every
// object that it is offered, reads each body and drops it, and says that all went
// well if it got as many objects as it wanted, whole:
//
//	:MISSING_CHECK: START … offers … :MISSING_CHECK: END
//	                                      :MISSING_CHECK: START … every hash … :MISSING_CHECK: END
//	:UPDATES: START … PUTs … :UPDATES: END
//	                                      :UPDATES: START :UPDATES: END
//
// No digest is checked, nothing is written, nothing is durable: never point at it
// anything that removes what it has sent.
package sink

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/ringsync/ringsync/proto"
)

const (
	bufferBytes = 1 << 20
	maxOffers   = 1 << 20 // of one session; ours have 100,000 at the most
	maxHeaders  = 256     // of a subrequest
)

// Serve answers sessions, one after the other, until the listener is closed.
func Serve(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		err = session(conn)
		if err = errors.Join(err, conn.Close()); err != nil {
			return err
		}
	}
}

// session answers one request. An error has been told to the sender, where the
// dialogue had begun.
func session(conn net.Conn) error {
	req, err := http.ReadRequest(bufio.NewReaderSize(conn, bufferBytes))
	if err != nil {
		return err
	}
	if req.Method != "SSYNC" {
		_, err := io.WriteString(conn, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")
		return errors.Join(fmt.Errorf("%.16q is not SSYNC", req.Method), err)
	}
	s := &dialogue{in: bufio.NewReaderSize(req.Body, bufferBytes), out: conn}
	head := "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\nTransfer-Encoding: chunked\r\n\r\n"
	if _, err := conn.Write(proto.AppendChunk([]byte(head), []byte("\r\n"))); err != nil {
		return err
	}
	err = s.hold()
	if err != nil {
		err = errors.Join(err, s.say(proto.AppendError(nil, 0, err.Error())))
	}
	_, ended := io.WriteString(conn, proto.LastChunk)
	return errors.Join(err, ended)
}

// dialogue is a session's two streams.
type dialogue struct {
	in     *bufio.Reader
	out    io.Writer
	wanted int
}

// say sends lines as one chunk.
func (s *dialogue) say(lines []byte) error {
	_, err := s.out.Write(proto.AppendChunk(nil, lines))
	return err
}

func (s *dialogue) hold() error {
	answer, err := s.offers()
	if err != nil {
		return err
	}
	if err := s.say(answer); err != nil {
		return err
	}
	if err := s.updates(); err != nil {
		return err
	}
	return s.say([]byte(proto.UpdatesStart + "\r\n" + proto.UpdatesEnd + "\r\n"))
}

// line is the next one, without its end, valid until the next read.
func (s *dialogue) line() ([]byte, error) {
	line, err := s.in.ReadSlice('\n')
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return bytes.TrimRight(line, "\r\n"), err
}

func (s *dialogue) expect(marker string) error {
	line, err := s.line()
	if err == nil && !proto.IsMarker(line, marker) {
		err = fmt.Errorf("%.64q where %s was to come", line, marker)
	}
	return err
}

// offers reads the sender's offers, and returns the answer that wants them all.
func (s *dialogue) offers() (answer []byte, err error) {
	if err := s.expect(proto.MissingCheckStart); err != nil {
		return nil, err
	}
	answer = append(answer, proto.MissingCheckStart+"\r\n"...)
	for {
		line, err := s.line()
		if err != nil {
			return nil, err
		}
		if proto.IsMarker(line, proto.MissingCheckEnd) {
			return append(answer, proto.MissingCheckEnd+"\r\n"...), nil
		}
		offer, err := proto.ParseOffer(line)
		if err != nil {
			return nil, err
		}
		if s.wanted++; s.wanted > maxOffers {
			return nil, fmt.Errorf("more than %d offers", maxOffers)
		}
		answer = proto.AppendWanted(answer, proto.Wanted{Hash: offer.Hash, Data: true})
	}
}

// updates reads subrequests and drops their bodies.
func (s *dialogue) updates() error {
	if err := s.expect(proto.UpdatesStart); err != nil {
		return err
	}
	for got := 0; ; got++ {
		line, err := s.line()
		if err != nil {
			return err
		}
		if proto.IsMarker(line, proto.UpdatesEnd) {
			if got != s.wanted {
				return fmt.Errorf("%d objects came, and %d were wanted", got, s.wanted)
			}
			return nil
		}
		method, _, err := proto.ParseSubrequestLine(line)
		if err != nil {
			return err
		}
		if err := s.drop(method == "PUT"); err != nil {
			return err
		}
	}
}

// drop reads a subrequest's headers, and the body that only a PUT has.
func (s *dialogue) drop(hasBody bool) error {
	length := 0
	for range maxHeaders {
		line, err := s.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			if hasBody {
				_, err = s.in.Discard(length)
			}
			return err
		}
		h, err := proto.ParseHeaderLine(line)
		if err != nil {
			return err
		}
		if http.CanonicalHeaderKey(h.Name) == "Content-Length" {
			if length, err = strconv.Atoi(h.Value); err != nil || length < 0 {
				return fmt.Errorf("a body of %.32q bytes", h.Value)
			}
		}
	}
	return fmt.Errorf("a subrequest of more than %d headers", maxHeaders)
}
