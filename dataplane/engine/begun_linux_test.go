package engine

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"errors"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httputil"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"golang.org/x/sys/unix"
)

// Bodies of three blocks, of which two are read ahead, past the page cache.
const begunBytes = 3 << 20

var begunConfig = Config{ZeroCopyFrom: -1, ReadAhead: 2, DirectFrom: 1 << 20}

// begunFile is a file that is cold, since a fifth of it is a hole, and tells what is
// asked of it.
type begunFile struct {
	*os.File
	content []byte
	refuses error // reads from the second block on
	breaks  error // what becomes of them

	mu     sync.Mutex
	starts map[int64]int
	ends   map[int64]int
	asked  chan struct{} // for each start
}

func newBegunFile(t *testing.T, n int) *begunFile {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "begun"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	b := &begunFile{File: f, starts: map[int64]int{}, ends: map[int64]int{}, asked: make(chan struct{}, 64)}
	b.content = make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(b.content[:n*8/10])
	if _, err = f.Write(b.content[:n*8/10]); err == nil {
		err = f.Truncate(int64(n))
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *begunFile) Descriptor() int      { return int(b.Fd()) }
func (b *begunFile) PastCache(bool) error { return nil }

func (b *begunFile) StartRead(_ int, off int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.asked <- struct{}{} }()
	if b.refuses != nil && off >= blockBytes {
		return b.refuses
	}
	b.starts[off]++
	return nil
}

func (b *begunFile) EndRead(_ int, off int64, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ends[off]++
	if b.breaks != nil && off >= blockBytes {
		return b.breaks
	}
	return err
}

// told checks that each read that was begun has ended once, and returns how many did.
func (b *begunFile) told(t *testing.T) int {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for off := range b.starts {
		if b.starts[off] != 1 || b.ends[off] != 1 {
			t.Errorf("at %d: %d reads were begun, %d ended", off, b.starts[off], b.ends[off])
		}
	}
	return len(b.ends)
}

// begin begins a body and waits until n blocks are asked for.
func (r *zcRig) begin(b *begunFile, n int) *Begun {
	r.t.Helper()
	begun := r.out.Begin(b, int64(len(b.content)))
	if begun == nil {
		r.t.Fatal("was not begun")
	}
	for range n {
		<-b.asked
	}
	return begun
}

// free fails if buffers other than the stream's own, or lanes, are out.
func (r *zcRig) free() {
	r.t.Helper()
	r.out.Close()
	if n := r.pool.InUse(); n != 0 {
		r.t.Errorf("%d buffers are in use", n)
	}
	r.close() // waits for the lanes
}

// readAll reads what arrives in chunks.
func (r *zcRig) readAll() <-chan []byte {
	all := make(chan []byte, 1)
	go func() {
		got, err := io.ReadAll(httputil.NewChunkedReader(bufio.NewReader(r.far)))
		if err != nil {
			r.t.Error(err)
		}
		all <- got
	}()
	return all
}

// A body that was begun while the one before it was sent arrives as any other, with its
// digest, and is read once: the first blocks before its turn.
func TestBegunArrives(t *testing.T) {
	for _, row := range []struct {
		name   string
		size   int
		ahead  int // blocks that are read before
		digest hash.Hash
	}{
		{"of more blocks than are read ahead", 3<<20 + 100, 2, nil},
		{"of fewer", 1 << 20, 1, nil},
		{"with a digest", 3 << 20, 2, md5.New()},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRingRig(t, begunConfig)
			before, b := newBegunFile(t, begunBytes), newBegunFile(t, row.size)
			far := r.readAll()
			var begun *Begun
			var beside sync.WaitGroup
			r.out.OnTail(func() { beside.Go(func() { begun = r.begin(b, row.ahead) }) })
			if _, err := r.out.Body(before, 0, begunBytes, nil); err != nil {
				t.Fatal(err)
			}
			beside.Wait()
			if sent, err := r.out.Body(begun, 0, int64(row.size), row.digest); err != nil || sent != int64(row.size) {
				t.Fatalf("%d sent: %v", sent, err)
			}
			begun.Abandon()
			if err := r.out.End(); err != nil {
				t.Fatal(err)
			}
			if row.digest != nil && !bytes.Equal(row.digest.Sum(nil), md5sum(b.content)) {
				t.Error("another digest")
			}
			if got := <-far; !bytes.Equal(got, append(bytes.Clone(before.content), b.content...)) {
				t.Errorf("%d bytes arrived, or others", len(got))
			}
			if n := b.told(t); n != (row.size+blockBytes-1)/blockBytes {
				t.Errorf("%d blocks were read", n)
			}
			if ways := r.out.Ways(); ways.By(WayRing) != 2 {
				t.Errorf("ways are %s", ways)
			}
			r.free()
		})
	}
}

// grants is a pacer that lets so many bytes pass at a time, and says how long each took.
type grants struct {
	bytes  int64
	waited time.Duration
}

func (g grants) Pace(n int64, _ <-chan struct{}) (int64, time.Duration) {
	return min(n, g.bytes), g.waited
}

// A stream reads on beside a pacer until that has held it. Of what was begun, and may not
// pass as a whole, all is read again.
func TestBegunBesideAPacer(t *testing.T) {
	for _, row := range []struct {
		name         string
		first, later grants
		begins       bool
		again        bool
	}{
		{"all passes at once", grants{1 << 40, 0}, grants{1 << 40, 0}, true, false},
		{"parts pass at once", grants{2 << 20, 0}, grants{1 << 40, 0}, true, false},
		{"held", grants{1 << 40, 1}, grants{1 << 40, 0}, false, false},
		{"less passes than was begun", grants{1 << 40, 0}, grants{1<<20 + 5, 0}, true, true},
		{"hardly anything does", grants{1 << 40, 0}, grants{100_000, 0}, true, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRingRig(t, begunConfig)
			before, b := newBegunFile(t, begunBytes), newBegunFile(t, begunBytes)
			far := r.readAll()
			var begun *Begun
			var beside sync.WaitGroup
			r.out.paced.by = row.first
			r.out.OnTail(func() { beside.Go(func() { begun = r.begin(b, 2) }) })
			if _, err := r.out.Body(before, 0, begunBytes, nil); err != nil {
				t.Fatal(err)
			}
			beside.Wait()
			if (begun != nil) != row.begins {
				t.Fatalf("begun: %v", begun != nil)
			}
			var src FileSource = b
			if begun != nil {
				src = begun
			}
			r.out.paced = paced{by: row.later}
			if sent, err := r.out.Body(src, 0, begunBytes, nil); err != nil || sent != begunBytes {
				t.Fatalf("%d sent: %v", sent, err)
			}
			if err := r.out.End(); err != nil {
				t.Fatal(err)
			}
			if got := <-far; !bytes.Equal(got, append(bytes.Clone(before.content), b.content...)) {
				t.Errorf("%d bytes arrived, or others", len(got))
			}
			if b.starts[0] != b.ends[0] || (b.starts[0] == 1) == row.again {
				t.Errorf("the first block was begun %d times, and ended %d times", b.starts[0], b.ends[0])
			}
			r.free()
		})
	}
}

// However it ends without being sent, nothing stays with the kernel, and the file is told
// of each read's end.
func TestBegunIsLeft(t *testing.T) {
	for _, row := range []struct {
		name  string
		leave func(r *zcRig, begun *Begun) error
		want  error
	}{
		{"abandoned", func(_ *zcRig, begun *Begun) error { begun.Abandon(); return nil }, nil},
		{"abandoned again", func(_ *zcRig, begun *Begun) error { begun.Abandon(); begun.Abandon(); return nil }, nil},
		{"interrupted before its turn", func(r *zcRig, begun *Begun) error {
			r.out.Interrupt()
			_, err := r.out.Body(begun, 0, begunBytes, nil)
			return err
		}, ErrInterrupted},
		{"interrupted when the socket is lent", func(r *zcRig, begun *Begun) error {
			r.out.gate.timeout = 0
			r.out.file.raw = late{r.out.file.raw, r.out.Interrupt}
			_, err := r.out.Body(begun, 0, begunBytes, nil)
			return err
		}, ErrInterrupted},
		{"on a connection that is closed", func(r *zcRig, begun *Begun) error {
			r.near.Close()
			_, err := r.out.Body(begun, 0, begunBytes, nil)
			return err
		}, net.ErrClosed},
		{"to a peer who has gone", func(r *zcRig, begun *Begun) error {
			_ = r.far.(*net.TCPConn).SetLinger(0)
			r.far.Close()
			_, err := r.out.Body(begun, 0, begunBytes, nil)
			return err
		}, unix.ECONNRESET},
		{"on a stream that has failed", func(r *zcRig, begun *Begun) error {
			r.out.err = io.ErrShortWrite
			_, err := r.out.Body(begun, 0, begunBytes, nil)
			begun.Abandon()
			return err
		}, io.ErrShortWrite},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRingRig(t, begunConfig)
			b := newBegunFile(t, begunBytes)
			if err := row.leave(r, r.begin(b, 2)); !errors.Is(err, row.want) && !(row.want == unix.ECONNRESET && errors.Is(err, unix.EPIPE)) {
				t.Errorf("%v", err)
			}
			if n := b.told(t); n < 2 {
				t.Errorf("%d reads ended", n)
			}
			r.free()
		})
	}
}

// What fails before its turn is told at it, as the body's own error.
func TestBegunFails(t *testing.T) {
	for _, row := range []struct {
		name string
		how  func(*begunFile)
	}{
		{"refused", func(b *begunFile) { b.refuses = unix.EIO }},
		{"broken", func(b *begunFile) { b.breaks = unix.EIO }},
		{"short", func(b *begunFile) { _ = b.Truncate(1 << 20) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRingRig(t, begunConfig)
			b := newBegunFile(t, begunBytes)
			row.how(b)
			begun := r.begin(b, 2)
			go io.Copy(io.Discard, r.far)
			sent, err := r.out.Body(begun, 0, begunBytes, nil)
			var source *SourceError
			if !errors.As(err, &source) || sent > 1<<20 {
				t.Errorf("%d sent: %v", sent, err)
			}
			b.told(t)
			r.free()
		})
	}
}

// One lane and half of the buffers are left to others; a body that began with fewer buffers
// takes what it lacks at its turn.
func TestBegunSpares(t *testing.T) {
	r := newRingRig(t, Config{ZeroCopyFrom: -1, Lanes: 3})
	b := newBegunFile(t, 4<<20)
	var others []*buffer.Buffer
	for range 5 { // and the stream's
		others = append(others, r.pool.TryGet())
	}
	first := r.begin(b, 2)
	if len(b.asked) > 0 {
		t.Errorf("%d blocks more than the pool can spare", len(b.asked))
	}
	for _, other := range others {
		other.Release()
	}
	second := r.begin(newBegunFile(t, 4<<20), 4)
	if third := r.out.Begin(newBegunFile(t, 4<<20), 4<<20); third != nil {
		t.Error("the last lane of three was taken")
		third.Abandon()
	}
	second.Abandon()
	w := first.sending
	go io.Copy(io.Discard, r.far)
	if sent, err := r.out.Body(first, 0, 4<<20, nil); err != nil || sent != 4<<20 {
		t.Errorf("%d sent: %v", sent, err)
	}
	if w.tags != 4 {
		t.Errorf("it was read in %d blocks", w.tags)
	}
	r.free()
}
