package engine

import (
	"fmt"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/proto"
)

// Sums guard a chunked stream between two who have agreed on them: each chunk that
// is sent from memory carries the xxhash64 of its payload in its size line (see
// proto.Extension). Bytes of a body that the kernel takes from a file carry none:
// such chunks hold nothing else, and whoever lands the body holds all of it against
// something.
//
//	┌───────────────────────┬────────────┬─────────┬────────────────────┬─────────────┐
//	│ 1f4;xxh64=…[;stored=…]│ lines,heads│ 100000  │ bytes of a file    │ 3e8;xxh64=… │ …
//	└───────────────────────┴────────────┴─────────┴────────────────────┴─────────────┘
//
// The reader's rule: nothing that Line, or Land of a small body, returns comes from
// a chunk that was not whole and right when it did; and when Land of a large body
// returns, each chunk with a sum that it took bytes from was. So the text buffer
// takes such a chunk as a whole before any of it is read, unless a large body does.
const maxSummed = 1 << 20

// outSums are an Outbound's.
type outSums struct {
	on    bool
	noted bool
	note  uint64
}

// frame makes a chunk of what is pending, where it lies.
func (s *outSums) frame(buf []byte, end int) []byte {
	if !s.on {
		return proto.FrameInPlace(buf, headroom, end)
	}
	var room [proto.ExtensionBytes]byte
	ext := proto.AppendExtension(room[:0], proto.Extension{Sum: xxhash.Sum64(buf[headroom:end]), Stored: s.note, Announces: s.noted})
	s.noted, s.note = false, 0
	return proto.FrameInPlaceExt(buf, headroom, end, string(ext))
}

// Announce lets the chunk that is pending tell the xxhash64 of the Body that is
// appended next, and end before it. false where it can't: chunks carry no sums, or
// nothing is pending.
func (o *Outbound) Announce(stored uint64) bool {
	if o.err != nil || !o.sums.on || o.end == headroom {
		return false
	}
	o.sums.noted, o.sums.note = true, stored
	return true
}

// endNoted ends the chunk that announces what comes now.
func (o *Outbound) endNoted() error {
	if !o.sums.noted {
		return nil
	}
	return o.Flush()
}

// AppendChunk appends a copy of payload as one chunk, with its sum or without.
func AppendChunk(dst, payload []byte, sums bool) []byte {
	if !sums {
		return proto.AppendChunk(dst, payload)
	}
	ext := proto.AppendExtension(nil, proto.Extension{Sum: xxhash.Sum64(payload)})
	return proto.AppendChunkExt(dst, payload, string(ext))
}

// inSums are an Inbound's.
type inSums struct {
	on     bool
	begun  bool // payload of the current chunk has been seen, and there is more
	has    bool // a sum, of the current chunk or, when that is whole, the last one
	ext    proto.Extension
	digest xxhash.Digest
}

// open tells that a chunk with a sum has begun and has not proved whole.
func (s *inSums) open() bool { return s.begun && s.has }

// add takes payload of the chunk that c stands in, or behind.
func (s *inSums) add(p []byte, c *proto.Dechunker) error {
	if !s.on || len(p) == 0 {
		return nil
	}
	if !s.begun {
		if err := s.begin(c.Ext(), c.Left()+int64(len(p))); err != nil {
			return err
		}
	}
	if s.has {
		s.digest.Write(p)
	}
	if s.begun = c.Left() > 0; !s.begun && s.has && s.digest.Sum64() != s.ext.Sum {
		return ErrDamaged
	}
	return nil
}

// begin reads a chunk's extension.
func (s *inSums) begin(ext []byte, size int64) (err error) {
	s.ext, s.has = proto.Extension{}, len(ext) > 0
	if !s.has {
		return nil
	}
	s.digest.Reset()
	if s.ext, err = proto.ParseExtension(ext); err == nil && size > maxSummed {
		err = fmt.Errorf("a chunk of %d bytes with an xxh64, more than %d", size, maxSummed)
	}
	return err
}

// Announced is what Outbound.Announce told of the body that begins here: known
// behind the last line before it.
func (i *Inbound) Announced() (stored uint64, ok bool) {
	s := &i.frame.sums
	return s.ext.Stored, s.has && !s.begun && s.ext.Announces && len(i.text.all()) == 0
}

// hold keeps n more bytes in the text buffer from being read as text, until all of
// their chunk is there and right.
func (i *Inbound) hold(n int, err error) {
	if i.text.held += n; err == nil && i.frame.sums.has && !i.frame.sums.begun {
		i.text.held = 0
	}
}

// unvouched tells that what is in the text buffer is a large body's, or nobody's.
func (i *Inbound) unvouched() bool { return i.text.held > 0 && !i.frame.sums.has }

// moreText is more for what is to be read as text.
func (i *Inbound) moreText() error {
	if i.err == nil && i.unvouched() {
		i.err = ErrNoSum
	}
	return i.more()
}

// vouch reads on until the chunk of the last byte that was taken is whole. The
// sender has sent all of it in one piece: so nobody waits for anybody.
func (i *Inbound) vouch() error {
	for i.frame.sums.open() {
		if err := i.more(); err != nil {
			return err
		}
	}
	return nil
}
