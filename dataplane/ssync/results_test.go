package ssync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
)

// Where results was agreed, what is wanted is said while offers still come, in their
// order, and the rest behind the sender's END; where not, all of it is. Either way
// nothing is said twice.
func TestResultsOverlap(t *testing.T) {
	for _, asked := range []proto.Features{0, proto.FeatureResults} {
		t.Run(asked.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := callAsking(t, storetest.New(t), asked)
				go c.listen()
				const objects = 1000
				offered, want := start, ""
				for i := range objects {
					name := fmt.Sprintf("/a/c/%d", i)
					offered += offerLine(name)
					want += storetest.Hash(name).String() + " dm\r\n"
				}
				c.say(offered)
				before := strings.TrimPrefix(c.hears(), "\r\n")
				if early := before != ""; early != (asked != 0) || early && !strings.HasPrefix(start+want, before) {
					t.Errorf("before the end: %d bytes, %.100q", len(before), before)
				}
				if n := strings.Count(before, " dm"); asked != 0 && n != 896 { // 7 batches of 128
					t.Errorf("%d wanted before the end", n)
				}
				c.say(end)
				if got := before + c.hears(); got != start+want+"\r\n"+end {
					t.Errorf("all of it: %d bytes, want %d", len(got), len(start+want+"\r\n"+end))
				}
				c.say(updStart, upd)
				if _, err := c.ended(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A sender who does not read while he offers is read all the same, over a connection
// that holds nothing: neither end waits for the other.
func TestResultsDontBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := callAsking(t, storetest.New(t), proto.FeatureResults)
		head := make([]byte, 4<<10)
		c.conn.Read(head) // the answer's head: from here on nobody reads
		const objects = 20_000
		begun := time.Now()
		c.say(start)
		for i := 0; i < objects; i += 1000 {
			lines := ""
			for k := range 1000 {
				lines += offerLine(fmt.Sprintf("/a/c/%d", i+k))
			}
			c.say(lines)
		}
		c.say(end)
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("the offers waited for %v", waited)
		}
		var heard strings.Builder
		var d proto.Dechunker
		piece := make([]byte, 64<<10)
		for !strings.Contains(heard.String(), end) {
			n, err := c.conn.Read(piece)
			for in := piece[:n]; len(in) > 0; {
				data, k, _ := d.Next(in)
				heard.Write(data)
				in = in[k:]
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if n := strings.Count(heard.String(), " dm"); n != objects {
			t.Errorf("%d wanted", n)
		}
		c.conn.Close()
	})
}

// An error in the offers ends the session though lines were said already.
func TestResultsThenError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := callAsking(t, storetest.New(t), proto.FeatureResults)
		go c.listen()
		lines := start
		for i := range 300 {
			lines += offerLine(fmt.Sprintf("/a/c/%d", i))
		}
		c.say(lines)
		got := c.hears()
		c.say("hello world\r\n")
		got += c.hears()
		if !strings.Contains(got, " dm") || !strings.Contains(got, ":ERROR: 0 ") || strings.Contains(got, end) {
			t.Errorf("%.200q", got)
		}
	})
}

// A sender takes wanted lines that come before his END, if that was agreed; an end
// of the answer that comes so early is none, whatever was agreed on.
func TestSenderOverhears(t *testing.T) {
	s := storetest.New(t)
	p := storetest.Partition(t, s)
	const objects = 700
	wanted := ""
	for i := range objects {
		name := fmt.Sprintf("/a/c/%d", i)
		if err := storetest.Put(p, name, storetest.Time(1), nil); err != nil {
			t.Fatal(err)
		}
	}
	agreed := strings.Replace(accepted, "\r\n\r\n", "\r\nX-Ringsync-Features: results\r\n\r\n", 1)
	one := storetest.Hash("/a/c/1").String()
	wanted = "< " + one + " dm\r\n"
	patient := func(c *ssync.SenderConfig, _ *ssync.Job) {
		c.NodeTimeout, c.HTTPTimeout = 10*time.Second, 10*time.Second
	}

	f := startFake(t, []string{agreed, "< " + start, "> " + one + " 1700000001.00000", wanted, "> :MISSING_CHECK: END", "< " + end, "> :UPDATES: END", "< " + updStart, "< " + upd, "hear all"})
	if r := push(t, p, f.address, patient); r.Err != nil || r.Sent != 1 || r.Proven != objects || r.Features != proto.FeatureResults {
		t.Errorf("%d sent, %d proven, %v: %v", r.Sent, r.Proven, r.Features, r.Err)
	}
	f = startFake(t, []string{agreed, "< hello\r\n", "be silent"})
	var unexpected *ssync.UnexpectedError
	if r := push(t, p, f.address, patient); !errors.As(r.Err, &unexpected) {
		t.Errorf("another word: %v", r.Err)
	}
}

// Lines of an answer whose chunks are summed are believed only if they are right.
func TestSenderChecksSums(t *testing.T) {
	p, _ := source(t, []byte("body"))
	hash := storetest.Hash("/a/c/o").String()
	agreed := strings.Replace(accepted[:strings.Index(accepted, "\r\n\r\n")+4], "\r\n\r\n", "\r\nX-Ringsync-Features: xxh64,results\r\n\r\n", 1)
	good := summed("\r\n") + summed(start+hash+" dm\r\n"+end)
	for name, test := range map[string]struct{ answer, want string }{
		"right":       {good, "early disconnect"},
		"a flag":      {strings.Replace(good, " dm", " em", 1), "does not match its xxh64"},
		"a digit":     {strings.Replace(good, hash[:4], "0000", 1), "does not match its xxh64"},
		"without one": {summed("\r\n") + string(proto.AppendChunk(nil, []byte(start))), "no xxh64"},
	} {
		t.Run(name, func(t *testing.T) {
			f := startFake(t, []string{agreed + test.answer, "> :UPDATES: END"})
			if r := push(t, p, f.address); r.Err == nil || !strings.Contains(r.Err.Error(), test.want) || r.Proven != 0 {
				t.Errorf("%d proven, %v; want %q in it", r.Proven, r.Err, test.want)
			}
		})
	}
}

// summed is a chunk with its sum.
func summed(text string) string {
	ext := proto.AppendExtension(nil, proto.Extension{Sum: xxhash.Sum64String(text)})
	return string(proto.AppendChunkExt(nil, []byte(text), string(ext)))
}
