package buffer

// scrambled fills released memory: no digit, no line end, no sane length.
const scrambled = 0xdb

// scramble doubles what is filled: it runs under the race detector too, where
// a megabyte byte by byte takes its time.
func scramble(b []byte) {
	if len(b) == 0 {
		return
	}
	b[0] = scrambled
	for n := 1; n < len(b); n *= 2 {
		copy(b[n:], b[:n])
	}
}
