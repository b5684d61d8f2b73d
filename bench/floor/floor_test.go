package floor_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/bench/floor"
)

// bodies makes some .data files, of sizes on the borders of what is moved at once,
// and files that are none.
func bodies(t *testing.T) (dir string, total int64) {
	t.Helper()
	dir = t.TempDir()
	for i, size := range []int{0, 1, 4095, 4096, 4097, 1 << 20, 1<<20 + 1, 3<<20 - 7} {
		body := bytes.Repeat([]byte{byte('a' + i)}, size)
		if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+".data"), body, 0o644); err != nil {
			t.Fatal(err)
		}
		total += int64(size)
	}
	if err := os.WriteFile(filepath.Join(dir, "hashes.pkl"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir, total
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// What is sent is what is received, to the byte, both sides agreeing on how much.
func TestSendAndReceive(t *testing.T) {
	from, total := bodies(t)
	to, l := t.TempDir(), listen(t)
	var got floor.Result
	received := make(chan error, 1)
	go func() {
		var err error
		got, err = floor.Receive(l, to)
		received <- err
	}()
	sent, err := floor.Send(l.Addr().String(), from)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-received; err != nil {
		t.Fatal(err)
	}
	if sent.Files != 8 || sent.Bytes != total || got.Files != 8 || got.Bytes != total {
		t.Errorf("sent %+v, received %+v, want 8 files of %d bytes", sent, got, total)
	}
	files, err := floor.Bodies(from)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		a, errA := os.ReadFile(f.Path)
		b, errB := os.ReadFile(floor.Named(to, i))
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %v, %v, equal: %v", f.Path, errA, errB, bytes.Equal(a, b))
		}
	}
}

// A stream that ends in the middle of a file is an error, and nobody is told that
// all went well.
func TestReceiveShort(t *testing.T) {
	l := listen(t)
	received := make(chan error, 1)
	go func() { _, err := floor.Receive(l, t.TempDir()); received <- err }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn.Write([]byte{0, 0, 0, 0, 0, 0, 0, 9, 'x'})
	conn.Close()
	if err := <-received; err == nil || !strings.Contains(err.Error(), "unexpected EOF") {
		t.Errorf("%v", err)
	}
}

// One after the other, all bodies arrive, of which no attribute is asked for.
func TestOne(t *testing.T) {
	dir, total := bodies(t)
	l := listen(t)
	drained := make(chan int64, 1)
	go func() { r, _ := floor.Drain(l); drained <- r.Bytes }()
	r, err := floor.One(l.Addr().String(), dir)
	if got := <-drained; err != nil || got != total || r.Bytes != total || r.Files != 8 {
		t.Errorf("sent %+v, drained %d of %d: %v", r, got, total, err)
	}
}

// Bytes of memory arrive, whatever their number.
func TestPourAndDrain(t *testing.T) {
	const n = 5<<20 + 3
	l := listen(t)
	drained := make(chan int64, 1)
	go func() { r, _ := floor.Drain(l); drained <- r.Bytes }()
	r, err := floor.Pour(l.Addr().String(), n)
	if got := <-drained; err != nil || got != n || r.Bytes != n {
		t.Errorf("poured %+v, drained %d: %v", r, got, err)
	}
}

// Writing gives files of the same sizes; reading reads all there is; a file in the
// way is an error.
func TestWriteAndRead(t *testing.T) {
	like, total := bodies(t)
	dir := t.TempDir()
	if r, err := floor.Write(dir, like); err != nil || r.Files != 8 || r.Bytes != total {
		t.Errorf("write: %+v, %v", r, err)
	}
	files, err := floor.Bodies(like)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		if info, err := os.Stat(floor.Named(dir, i)); err != nil || info.Size() != f.Size {
			t.Errorf("file %d: %v, want %d bytes", i, err, f.Size)
		}
	}
	if r, err := floor.Read(like); err != nil || r.Files != 8 || r.Bytes != total {
		t.Errorf("read: %+v, %v", r, err)
	}
	if _, err := floor.Write(dir, like); err == nil {
		t.Error("written over what was there")
	}
	if r := floor.MD5(3<<20 + 1); r.Bytes != 3<<20+1 || r.Seconds <= 0 {
		t.Errorf("md5: %+v", r)
	}
}
