package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/hashes"
	"golang.org/x/sys/unix"
)

const directFrom = 64 << 10

// aligned is n bytes that O_DIRECT takes, which the Go heap need not be.
func aligned(t *testing.T, n int) []byte {
	t.Helper()
	mapped, err := unix.Mmap(-1, 0, n+1, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	must(t, err)
	t.Cleanup(func() { unix.Munmap(mapped) })
	for i := range mapped {
		mapped[i] = byte(i * i >> 7)
	}
	return mapped[:n]
}

// putPieces stores a body in pieces, beginning at a given byte of the memory.
func putPieces(p *store.Partition, name string, body []byte, pieces int) error {
	w, err := p.Put(storetest.Hash(name), storetest.Time(1), int64(len(body)))
	if err != nil {
		return err
	}
	for off := 0; off < len(body); off += pieces {
		if _, err := w.WriteAt(body[off:min(len(body), off+pieces)], int64(off)); err != nil {
			w.Abort()
			return err
		}
	}
	if err := w.Seal(name, storetest.Time(1), dataMetadata(name, storetest.Time(1), string(body))); err != nil {
		w.Abort()
		return err
	}
	return p.Commit(context.Background(), []*store.Writer{w})[0]
}

// A large body goes past the page cache as far as it lies at whole blocks, and
// by way of it from there on; what is on the disk is the body either way.
func TestDirectWrites(t *testing.T) {
	for _, row := range []struct {
		name         string
		size, pieces int
		shift        int // of the memory, off a block's border
		want         []string
	}{
		{"small", directFrom - 1, 1 << 20, 0, nil},
		{"whole blocks", directFrom, 16 << 10, 0, []string{"on"}},
		{"an odd end", directFrom + 5, 16 << 10, 0, []string{"on", "off"}},
		{"nothing but odd pieces", directFrom, 1000, 0, []string{"on", "off"}},
		{"memory at an odd place", directFrom, 16 << 10, 1, []string{"on", "off"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var trace storetest.Trace
			p := newPartition(t, watched(&trace), func(c *store.Config) { c.DirectFrom = directFrom })
			body := aligned(t, row.size+row.shift)[row.shift:]
			must(t, putPieces(p, first, body, row.pieces))

			var got []string
			for _, op := range trace.Calls(store.CallDirect) {
				got = append(got, map[int64]string{0: "off", 1: "on"}[op.Offset])
			}
			tolerant := row.shift > 0 && len(got) == 1 // some file systems take any memory
			if fmt.Sprint(got) != fmt.Sprint(row.want) && !tolerant {
				t.Errorf("O_DIRECT was turned %v, want %v", got, row.want)
			}
			wantBody(t, p, first, body)
		})
	}
}

func wantBody(t *testing.T, p *store.Partition, name string, want []byte) {
	t.Helper()
	o, err := p.Open(storetest.Hash(name))
	must(t, err)
	defer o.Close()
	got, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size))
	must(t, err)
	if !bytes.Equal(got, want) || o.ETag() != hashes.Checksum(want) {
		t.Errorf("%d bytes are on the disk that are not the body's %d", len(got), len(want))
	}
}

// refusing lets some calls of fcntl fail.
func refusing(offset int64, errno unix.Errno) store.Witness {
	return storetest.Hooks{OnBefore: func(op *store.Op) error {
		if op.Call == store.CallDirect && op.Offset == offset {
			return errno
		}
		return nil
	}}
}

// Where there is no O_DIRECT, the page cache does.
func TestDirectRefused(t *testing.T) {
	p := newPartition(t, watched(refusing(1, unix.EINVAL)), func(c *store.Config) { c.DirectFrom = directFrom })
	body := aligned(t, directFrom)
	must(t, putPieces(p, first, body, 16<<10))
	wantBody(t, p, first, body)
}

// A file that can't be made to go by the page cache any more is no object.
func TestDirectStuck(t *testing.T) {
	p := newPartition(t, watched(refusing(0, unix.EIO)), func(c *store.Config) { c.DirectFrom = directFrom })
	err := putPieces(p, first, aligned(t, directFrom+1), 16<<10)
	if !errors.Is(err, unix.EIO) {
		t.Fatalf("got error %v, want EIO", err)
	}
	if _, err := p.Open(storetest.Hash(first)); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("something is there: %v", err)
	}
}

// Writes made with the lent descriptor, two at a time, are told like any other, and
// the file has its length before the first of them; a refused one is not made.
func TestLentWrites(t *testing.T) {
	var trace storetest.Trace
	p := newPartition(t, watched(&trace), func(c *store.Config) { c.DirectFrom = directFrom })
	body := aligned(t, directFrom+5)
	w, err := p.Put(storetest.Hash(first), storetest.Time(1), int64(len(body)))
	must(t, err)
	if !w.Direct() {
		t.Skip("no O_DIRECT here")
	}
	trace.Reset()
	const half = directFrom / 2
	pieces := [][]byte{body[:half], body[half:]}
	for k, piece := range pieces {
		fd, n, err := w.StartWrite(piece, int64(k*half))
		must(t, err)
		if n != half {
			t.Fatalf("%d bytes of piece %d may be written, want %d", n, k, half)
		}
		_, err = unix.Pwrite(fd, piece[:n], int64(k*half))
		must(t, err)
	}
	for k, piece := range pieces {
		must(t, w.EndWrite(piece[:half], int64(k*half), nil))
	}
	if _, n, err := w.StartWrite(body[directFrom:], directFrom); n != 0 || err != nil {
		t.Errorf("%d bytes of the odd end may be written, error %v", n, err)
	}
	_, err = w.WriteAt(body[directFrom:], directFrom)
	must(t, err)
	must(t, w.Seal(first, storetest.Time(1), dataMetadata(first, storetest.Time(1), string(body))))
	must(t, p.Commit(context.Background(), []*store.Writer{w})[0])
	wantBody(t, p, first, body)

	var got []string
	for _, op := range trace.Calls(store.CallWrite, store.CallTruncate, store.CallDirect) {
		if !strings.HasSuffix(op.Path, "hashes.invalid") {
			got = append(got, fmt.Sprint(op.Call, " ", op.Offset))
		}
	}
	want := fmt.Sprint([]string{"truncate 65541", "write 0", "write 32768", "fcntl 0", "write 65536"})
	if fmt.Sprint(got) != want {
		t.Errorf("told %v, want %v", got, want)
	}
}

// What the witness refuses, or the kernel, is an error that names the call.
func TestLentWritesFail(t *testing.T) {
	var fault storetest.Fault
	p := newPartition(t, watched(&fault), func(c *store.Config) { c.DirectFrom = directFrom })
	body := aligned(t, directFrom)
	w, err := p.Put(storetest.Hash(first), storetest.Time(1), int64(len(body)))
	must(t, err)
	defer w.Abort()
	if !w.Direct() {
		t.Skip("no O_DIRECT here")
	}
	for _, call := range []store.Call{store.CallTruncate, store.CallWrite} {
		fault.Arm(1, unix.EIO)
		_, _, err := w.StartWrite(body, 0)
		if _, hit := fault.Disarm(); hit == nil || hit.Call != call || !storetest.Names(err.Error(), hit, unix.EIO) {
			t.Errorf("got error %v, want one of %s", err, call)
		}
		if call == store.CallTruncate {
			_, _, err := w.StartWrite(body, 0) // this time it gets its length
			must(t, err)
		}
	}
	if err := w.EndWrite(body, 0, unix.ENOSPC); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got error %v, want ENOSPC", err)
	}
}
