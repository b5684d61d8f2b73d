package peer

import "context"

// What an Op does.
const (
	Put    = "put"    // a .data file, made durable
	Post   = "post"   // a .meta file
	Delete = "delete" // a tombstone
	Raw    = "raw"    // any file in the object's hash directory, healthy or not
)

// Op is one thing that Swift does to an object.
type Op struct {
	Op        string `json:"op"`
	Name      string `json:"name"` // "/account/container/object", as bytes
	Timestamp string `json:"timestamp"`
	Policy    int    `json:"policy"`
	Partition int    `json:"partition"` // any number: no ring is asked

	// The body of a put or a raw file: these bytes, or Size bytes drawn from
	// Seed, the same ones each time.
	Body []byte `json:"body"`
	Size int64  `json:"size"`
	Seed int64  `json:"seed"`

	// Headers are stored metadata in Swift's spelling ("X-Object-Meta-Color",
	// "Content-Type"), values as wire bytes. They come last: an ETag or a
	// Content-Length given here is stored, true or not. A post stores only
	// these and its timestamps. A raw file gets exactly these, "name" and
	// "X-Timestamp" among them if it should have one; nil: no metadata at all.
	Headers map[string]string `json:"headers"`

	ContentTypeTimestamp string `json:"content_type_timestamp"` // of a post that sets Content-Type
	File                 string `json:"file"`                   // of a raw file: its name
	Fragment             int    `json:"fragment"`               // of a put, erasure coding: its index
	NoCommit             bool   `json:"no_commit"`              // of a put, erasure coding: leave it not durable
}

// fillRequest is what fill.py reads.
type fillRequest struct {
	SwiftDir   string `json:"swift_dir"`
	Devices    string `json:"devices"`
	Device     string `json:"device"`
	ReclaimAge int64  `json:"reclaim_age"`
	Ops        []Op   `json:"ops"`
}

// Fill makes ops happen on a device, in their order, through Swift's own
// diskfile: the files, xattrs and hashes.invalid are Swift's. Missing
// directories are made. It stops at the first operation that fails, and names
// it. Everything is on the disk when it returns.
func (s *Swift) Fill(ctx context.Context, swiftDir, devices, device string, ops []Op) error {
	sent := make([]Op, len(ops))
	for i, op := range ops {
		op.Name, op.Headers = latin1(op.Name), each(op.Headers, latin1)
		sent[i] = op
	}
	return s.ask(ctx, swiftDir, "fill.py", fillRequest{swiftDir, devices, device, NeverReclaim, sent}, nil)
}
