package contestant

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/ringsync/ringsync/bench/floor"
)

// floors are the limits, by name: the part that receives, if there is one, and
// the part that works.
func (k *Kit) floors() []Contestant {
	nothing := Promise{Digest: "none", Durable: "nothing"}
	return []Contestant{
		{Name: "floor-sendfile", Promise: nothing, Check: Bytes, receive: k.floorReceive("receive", dirOf), send: k.floorSend("send", toAndDir)},
		{Name: "floor-tcp", Promise: nothing, Check: None, receive: k.floorReceive("drain", noArgs), send: k.floorSend("pour", toAndBytes)},
		{Name: "floor-write", Promise: Promise{"none", "each file"}, Check: Files, send: k.floorSend("write", dirAndLike)},
		{Name: "floor-read", Promise: nothing, Check: None, send: k.floorSend("read", sourceOnly)},
		{Name: "floor-md5", Promise: Promise{"MD5, one core", "nothing"}, Check: None, send: k.floorSend("md5", bytesOnly)},
	}
}

// others are measured in few comparisons only: parts of the machine, and of ours
// alone.
func (k *Kit) others() []Contestant {
	nothing, o := Promise{Digest: "none", Durable: "nothing"}, ours{kit: k}
	return []Contestant{
		{Name: "ringsync-to-sink", Promise: Promise{Digest: "none: the sink drops bodies", Durable: "nothing"}, Check: None, receive: k.floorReceive("sink", noArgs), send: o.send},
		{Name: "engine", Promise: nothing, Check: None, Floor: true, receive: k.floorReceive("land", bytesOnly), send: k.floorSend("bodies", toAndBytes)},
		{Name: "floor-one", Promise: nothing, Check: None, Floor: true, receive: k.floorReceive("drain", noArgs), send: k.floorSend("one", toAndDir)},
	}
}

// arguments are what a part is told.
type arguments func(j *Job, r *Receiver) []string

func noArgs(*Job, *Receiver) []string    { return nil }
func dirOf(j *Job, _ *Receiver) []string { return []string{"--dir=" + j.targetDir()} }
func toAndDir(j *Job, r *Receiver) []string {
	return []string{"--to=" + r.Address, "--dir=" + j.Source}
}
func sourceOnly(j *Job, _ *Receiver) []string { return []string{"--dir=" + j.Source} }
func bytesOnly(j *Job, _ *Receiver) []string  { return []string{fmt.Sprint("--bytes=", j.Bytes)} }
func toAndBytes(j *Job, r *Receiver) []string {
	return []string{"--to=" + r.Address, fmt.Sprint("--bytes=", j.Bytes)}
}
func dirAndLike(j *Job, _ *Receiver) []string {
	return []string{"--dir=" + j.targetDir(), "--like=" + j.Source}
}

func (j *Job) targetDir() string { return filepath.Join(j.Target, j.Device) }

func (k *Kit) floorReceive(part string, args arguments) func(context.Context, *Job) (*Receiver, error) {
	return func(ctx context.Context, j *Job) (*Receiver, error) {
		r := &Receiver{}
		c := command(ctx, k.ringsync(), append([]string{"bench", "floor", part}, args(j, nil)...)...)
		said := newLines(func(line []byte) bool {
			var first struct{ Address string }
			err := json.Unmarshal(line, &first)
			r.Address = first.Address
			return err == nil && first.Address != ""
		})
		c.Stdout = said
		return r, r.announced(ctx, c, said)
	}
}

// floorSend holds what a part says that it did against what there was to do.
func (k *Kit) floorSend(part string, args arguments) func(context.Context, *Job, *Receiver) (Sent, error) {
	return func(ctx context.Context, j *Job, r *Receiver) (Sent, error) {
		c := command(ctx, k.ringsync(), append([]string{"bench", "floor", part}, args(j, r)...)...)
		sum, err := j.work(c)
		if err != nil {
			return sum, err
		}
		var did floor.Result
		if err := c.decode(&did); err != nil {
			return sum, err
		}
		if did.Bytes != j.Bytes {
			return sum, fmt.Errorf("floor %s: %d bytes of %d", part, did.Bytes, j.Bytes)
		}
		sum.Seconds = did.Seconds
		return sum, nil
	}
}
