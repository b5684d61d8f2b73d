package enginetest

import (
	"fmt"
	"net"
)

// framer is how some peer chunks a stream.
type framer struct {
	name   string
	chunks []int  // payload sizes, repeated
	size   string // format of the size line
	end    string // line end behind the payload
	last   string // end of the stream
}

// framers go from what Swift sends to what HTTP merely allows.
var framers = []framer{
	{"64 KiB", []int{65536}, "%x\r\n", "\r\n", "0\r\n\r\n"},
	{"1 MiB", []int{mib}, "%x\r\n", "\r\n", "0\r\n\r\n"},
	{"one byte", []int{1}, "%x\r\n", "\r\n", "0\r\n\r\n"},
	{"odd", []int{1, 65535, 3, 70001, 2, 1048577}, "%x\r\n", "\r\n", "0\r\n\r\n"},
	{"upper case and zeros", []int{40961}, "000%X\r\n", "\r\n", "000\r\n\r\n"},
	{"extension", []int{100000}, "%x;xxh64=0123456789abcdef\r\n", "\r\n", "0;done\r\n\r\n"},
	{"bare LF", []int{33333}, "%x\n", "\n", "0\n\n"},
	{"trailer", []int{99999}, "%x \r\n", "\r\n", "0\r\nX-Late: 1\r\n\r\n"},
}

// frame chunks p.
func (f framer) frame(p []byte) []byte {
	turn := 0
	for _, n := range f.chunks {
		turn += n
	}
	wire := make([]byte, 0, len(p)+40*len(f.chunks)*(len(p)/turn+1)) // 40: all around a chunk
	for i := 0; len(p) > 0; i++ {
		n := min(f.chunks[i%len(f.chunks)], len(p))
		wire = fmt.Appendf(wire, f.size, n)
		wire = append(append(wire, p[:n]...), f.end...)
		p = p[n:]
	}
	return append(wire, f.last...)
}

// writeInPieces is a connection that dawdles: it sends sizes[0] bytes, then
// sizes[1] and so on, from the start again.
func writeInPieces(conn net.Conn, p []byte, sizes []int) error {
	for i := 0; len(p) > 0; i++ {
		n := min(sizes[i%len(sizes)], len(p))
		if _, err := conn.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// padded is a body with something before and behind it.
func padded(before, p []byte) []byte {
	const behind = "behind"
	all := make([]byte, 0, len(before)+len(p)+len(behind))
	return append(append(append(all, before...), p...), behind...)
}

// dialogue is a payload as the tests use it: for each size a line that tells
// it, then the body.
func dialogue(sizes ...int64) []byte {
	all := 0
	for _, n := range sizes {
		all += int(n) + 20
	}
	p := make([]byte, 0, all)
	for _, n := range sizes {
		p = append(fmt.Appendf(p, "%d\r\n", n), body(n)...)
	}
	return p
}
