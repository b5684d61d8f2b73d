package proto

import "io"

// Dechunker takes the chunks off a stream that arrives in pieces of any size. It
// copies no payload, keeps no reference to what it is given and needs no memory
// of its own. The zero value is ready for the first byte of a body.
//
//	size line:  blanks, 1 to 16 hex digits, blanks [; extension] CR LF
//	payload:    size bytes, CR LF
//	end:        a size of 0, trailer lines, an empty line
//
// LF alone ends a line as well; a CR without one is an error. Source: eventlet's
// wsgi.Input and swift/obj/ssync_sender.py, SsyncBufferedHTTPResponse.readline.
type Dechunker struct {
	state chunkState
	err   error // set for good in stateEnd and stateBroken

	size      uint64 // of the chunk whose size line is being read
	digits    int
	lineBytes int   // of the size line, or of all trailers
	left      int64 // payload bytes not yet yielded, in stateData

	ext      [maxExtensionKept]byte
	extBytes int
}

type chunkState uint8

const (
	stateSize        chunkState = iota // blanks before the size, then its digits
	stateSizeBlanks                    // blanks after the size
	stateExtension                     // anything from ';' to the line end
	stateSizeLF                        // CR seen
	stateData                          // left > 0
	stateDataEnd                       // CRLF or LF behind the payload
	stateDataLF                        // CR seen
	stateTrailer                       // at the start of a trailer line
	stateTrailerLine                   // inside one
	stateTrailerLF                     // CR seen at the start of a line
	stateEnd                           // io.EOF from now on
	stateBroken                        // the error again from now on
)

const (
	maxExtensionKept = 64
	maxSizeLine      = 1 << 10
	maxTrailers      = 8 << 10
	maxChunk         = 1 << 62
)

// Next reads on in the stream, of which in is the next piece. It stops behind
// the first payload bytes it meets: data is a sub-slice of in, and n counts the
// bytes used up, data included. The caller comes again with in[n:].
//
// Without data and error all of in was used up and more is needed. io.EOF comes
// with the last byte of the body, n telling where it lay, and then always. A
// *SyntaxError is final too; n then counts the bytes before the bad one.
func (d *Dechunker) Next(in []byte) (data []byte, n int, err error) {
	for n < len(in) && d.err == nil {
		if d.state == stateData {
			data = in[n : n+int(min(d.left, int64(len(in)-n)))]
			d.Take(int64(len(data)))
			return data, n + len(data), nil
		}
		if !d.step(in[n]) {
			return nil, n, d.err
		}
		n++
	}
	return nil, n, d.err
}

// Left returns how many payload bytes of the current chunk are still to come; 0
// between chunks.
func (d *Dechunker) Left() int64 { return d.left }

// Take notes that n payload bytes of the current chunk were read by other means,
// straight from the socket. It panics if there are not so many Left.
func (d *Dechunker) Take(n int64) {
	if n < 0 || n > d.left {
		panic("proto: took more than is left of a chunk")
	}
	d.left -= n
	if d.left == 0 && d.state == stateData {
		d.state = stateDataEnd
	}
}

// InChunk tells whether a chunk, or the end mark, has begun and is not complete:
// a stream that ends now was cut. Otherwise it is merely over early.
func (d *Dechunker) InChunk() bool {
	return d.state != stateEnd && (d.state != stateSize || d.lineBytes > 0)
}

// Ext returns the first 64 bytes of the current chunk's extension, without the
// semicolon; it is empty if there is none. The slice is valid until the next
// chunk begins.
func (d *Dechunker) Ext() []byte { return d.ext[:d.extBytes] }

// step takes one byte outside of payload; false if it may not stand there.
func (d *Dechunker) step(c byte) bool {
	switch d.state {
	case stateSize, stateSizeBlanks, stateExtension, stateSizeLF:
		return d.stepSizeLine(c)
	case stateDataEnd, stateDataLF:
		return d.stepDataEnd(c)
	default:
		return d.stepTrailer(c)
	}
}

func (d *Dechunker) stepSizeLine(c byte) bool {
	if d.lineBytes == 0 {
		d.size, d.digits, d.extBytes = 0, 0, 0
	}
	if d.lineBytes++; d.lineBytes > maxSizeLine {
		return d.fail("chunk size line", "at most 1024 bytes", c)
	}

	switch {
	case c == '\n':
		return d.endSizeLine(c)
	case d.state == stateSizeLF:
		return d.fail("chunk size line", "LF after CR", c)
	case c == '\r':
		d.state = stateSizeLF
	case d.state == stateExtension:
		d.keepExtension(c)
	case c == ';':
		d.state = stateExtension
	case c == ' ' || c == '\t':
		if d.digits > 0 {
			d.state = stateSizeBlanks
		}
	default:
		return d.stepDigit(c)
	}
	return true
}

func (d *Dechunker) stepDigit(c byte) bool {
	digit := unhex(c)
	if d.state != stateSize || digit == notHex || d.digits == maxHexDigits {
		return d.fail("chunk size", "1 to 16 hex digits", c)
	}
	d.size = d.size<<4 | uint64(digit)
	d.digits++
	return true
}

func (d *Dechunker) keepExtension(c byte) {
	if d.extBytes < len(d.ext) {
		d.ext[d.extBytes] = c
		d.extBytes++
	}
}

func (d *Dechunker) endSizeLine(c byte) bool {
	switch {
	case d.digits == 0:
		return d.fail("chunk size", "1 to 16 hex digits", c)
	case d.size > maxChunk:
		return d.fail("chunk size", "at most 2^62 bytes", c)
	}
	d.lineBytes = 0
	d.left = int64(d.size)
	d.state = stateData
	if d.size == 0 {
		d.state = stateTrailer
	}
	return true
}

func (d *Dechunker) stepDataEnd(c byte) bool {
	switch {
	case c == '\n':
		d.state = stateSize
	case c == '\r' && d.state == stateDataEnd:
		d.state = stateDataLF
	default:
		return d.fail("chunk", "CRLF after its data", c)
	}
	return true
}

func (d *Dechunker) stepTrailer(c byte) bool {
	if d.lineBytes++; d.lineBytes > maxTrailers {
		return d.fail("chunk trailers", "at most 8192 bytes", c)
	}

	switch {
	case c == '\n' && d.state == stateTrailerLine:
		d.state = stateTrailer
	case c == '\n':
		d.state, d.err = stateEnd, io.EOF
	case d.state == stateTrailerLF:
		return d.fail("chunk trailers", "LF after CR", c)
	case c == '\r' && d.state == stateTrailer:
		d.state = stateTrailerLF
	default:
		d.state = stateTrailerLine
	}
	return true
}

func (d *Dechunker) fail(what, want string, c byte) bool {
	d.state, d.err = stateBroken, syntaxError(what, want, []byte{c})
	return false
}
