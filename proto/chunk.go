package proto

import "strconv"

const (
	// maxExtension leaves room for a semicolon and both parts of an Extension,
	// 47 bytes.
	maxExtension = 48

	// ChunkHeadroom is how many bytes must be free before a payload that is to
	// be framed in place: 16 hex digits, an extension with its semicolon, CRLF.
	ChunkHeadroom = maxHexDigits + maxExtension + len("\r\n")

	// ChunkTail is how many bytes must be free behind it, for CRLF.
	ChunkTail = len("\r\n")

	// SizeLineBytes is the longest size line without an extension.
	SizeLineBytes = maxHexDigits + len("\r\n")

	// LastChunk ends a chunked body.
	LastChunk = "0\r\n\r\n"
)

// FrameInPlace makes a chunk of buf[start:end] without moving it: the size line
// is written so that it ends where the payload begins, CRLF behind it, and the
// slice from the one to the other is returned, to be sent as it is:
//
//	buf  ………………│ 1 0 0 0 0 \r \n │ payload │ \r \n │ …
//	            returned[0]       start     end
//
// start is at least ChunkHeadroom and buf has capacity for ChunkTail bytes
// after end. An empty payload panics: a zero chunk would end the stream.
func FrameInPlace(buf []byte, start, end int) []byte {
	return FrameInPlaceExt(buf, start, end, "")
}

// FrameInPlaceExt is FrameInPlace with a chunk extension, of at most 47 bytes
// (see Extension), behind a semicolon in the size line; Swift's readers skip it.
// An empty ext is none.
func FrameInPlaceExt(buf []byte, start, end int, ext string) []byte {
	switch {
	case end <= start:
		panic("proto: empty chunk")
	case start < ChunkHeadroom || cap(buf)-end < ChunkTail:
		panic("proto: no room for a chunk's frame")
	}

	var room [ChunkHeadroom]byte
	line := appendSizeLine(room[:0], end-start, ext)
	buf = buf[:max(len(buf), end+ChunkTail)]
	copy(buf[start-len(line):], line)
	buf[end], buf[end+1] = '\r', '\n'
	return buf[start-len(line) : end+ChunkTail]
}

// HeadInPlace writes the size line of a chunk of size bytes so that it ends at
// start, and returns it. It is FrameInPlace for a payload that is sent from
// somewhere else; the caller sends the CRLF behind it. start is at least
// ChunkHeadroom; a size of nothing panics.
func HeadInPlace(buf []byte, start, size int) []byte {
	if size <= 0 || start < ChunkHeadroom {
		panic("proto: no chunk, or no room for its size line")
	}
	var room [ChunkHeadroom]byte
	line := appendSizeLine(room[:0], size, "")
	copy(buf[start-len(line):start], line)
	return buf[start-len(line) : start]
}

// AppendSizeLine appends the size line of a chunk of size bytes: HeadInPlace for a
// line that has something before it. A size of nothing panics.
func AppendSizeLine(dst []byte, size int) []byte {
	if size <= 0 {
		panic("proto: no chunk")
	}
	return appendSizeLine(dst, size, "")
}

// appendSizeLine panics where the line would not fit the headroom.
func appendSizeLine(dst []byte, size int, ext string) []byte {
	dst = strconv.AppendInt(dst, int64(size), 16)
	if ext != "" {
		if len(ext) >= maxExtension {
			panic("proto: chunk extension too long")
		}
		dst = append(append(dst, ';'), ext...)
	}
	return append(dst, '\r', '\n')
}

// AppendChunk appends a copy of payload as one chunk; nothing if it is empty.
func AppendChunk(dst, payload []byte) []byte { return AppendChunkExt(dst, payload, "") }

// AppendChunkExt is AppendChunk with a chunk extension, as FrameInPlaceExt has it.
func AppendChunkExt(dst, payload []byte, ext string) []byte {
	if len(payload) == 0 {
		return dst
	}
	dst = append(appendSizeLine(dst, len(payload), ext), payload...)
	return append(dst, '\r', '\n')
}
