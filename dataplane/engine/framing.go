package engine

import (
	"io"
	"math"

	"github.com/ringsync/ringsync/proto"
)

// framing finds the payload in the bytes of a stream: chunked, of a known
// length, or up to the connection's end.
type framing struct {
	chunked bool
	endless bool // ends with the connection
	chunks  proto.Dechunker
	sums    inSums
	rest    int64 // bytes to come, when not chunked
}

func newFraming(chunked bool, length int64) framing {
	if length < 0 {
		return framing{chunked: chunked, endless: !chunked, rest: math.MaxInt64}
	}
	return framing{chunked: chunked, rest: length}
}

// next takes the next piece of payload out of in: data is a sub-slice of in,
// perhaps empty, n counts the bytes of in that are done with. Nothing done
// with and no error means that more bytes are needed. io.EOF is the proper end
// of the stream.
func (f *framing) next(in []byte) (data []byte, n int, err error) {
	if f.chunked {
		data, n, err = f.chunks.Next(in)
		if err == nil {
			err = f.sums.add(data, &f.chunks)
		}
		return data, n, err
	}
	if f.rest == 0 {
		return nil, 0, io.EOF
	}
	n = int(min(int64(len(in)), f.rest))
	f.skip(n)
	return in[:n], n, nil
}

// run is the number of payload bytes that follow each other on the wire from
// here on, as far as is known.
func (f *framing) run() int64 {
	if f.chunked {
		return f.chunks.Left()
	}
	return f.rest
}

// take counts bytes of the run that were read past next.
func (f *framing) take(p []byte) error {
	if f.chunked {
		f.chunks.Take(int64(len(p)))
		return f.sums.add(p, &f.chunks)
	}
	f.skip(len(p))
	return nil
}

// skip counts n bytes of a stream without chunks.
func (f *framing) skip(n int) {
	if !f.endless {
		f.rest -= int64(n)
	}
}
