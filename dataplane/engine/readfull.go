package engine

const (
	// What is read behind a chunk that the body goes on after: the CRLF and
	// the next size line. Payload that came with them would be copied.
	peekBytes = 512
	// With chunks smaller than this a call for each would cost more than the
	// copy: read as much as there is.
	smallChunk = 32 << 10
)

// readFull fills dst with payload and returns how much it got. What was read
// already is copied; the rest goes from the connection to dst directly. last
// says that the body ends with dst, so that what follows is wanted as text.
func (i *Inbound) readFull(dst []byte, last bool) (got int, err error) {
	for got < len(dst) {
		if there := i.text.all(); len(there) > 0 {
			k := copy(dst[got:], there)
			i.text.consume(k)
			got += k
			continue
		}
		if len(i.text.raw()) > 0 || i.frame.run() == 0 {
			err = i.more()
		} else {
			var k int
			k, err = i.straight(dst[got:], last)
			got += k
		}
		if err != nil {
			return got, err
		}
	}
	return got, nil
}

// straight reads once: the rest of the run into dst, what follows it into the
// text buffer, which is empty.
func (i *Inbound) straight(dst []byte, last bool) (int, error) {
	if i.err != nil {
		return 0, i.err
	}
	run := i.frame.run()
	want := int(min(int64(len(dst)), run))
	behind := i.behind(want, int64(want) == run, last && want == len(dst))

	n, err := i.receiveTwo(dst[:want], behind)
	landed := min(n, want)
	damaged := i.frame.take(dst[:landed])
	i.text.read(n - landed)
	if damaged != nil {
		return landed, i.keep(damaged)
	}
	return landed, err
}

// behind is the room for what follows the next want bytes. Where the payload
// merely goes on in another buffer there is none: it would have to be copied.
func (i *Inbound) behind(want int, endsChunk, endsBody bool) []byte {
	space := i.text.space()
	switch {
	case endsBody:
		return space
	case !endsChunk:
		return nil
	case want < smallChunk:
		return space
	}
	return space[:min(peekBytes, len(space))]
}
