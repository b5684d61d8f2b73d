package ssync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ringsync/ringsync/dataplane/control"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// maxHeadBytes bounds a subrequest's head. Metadata that Swift's limits let in
// comes to a tenth of it; a node should not be stricter than its peers.
const maxHeadBytes = 1 << 20

// maxHeaders bounds how many headers that head may have: each is looked for among
// those before it, so without a bound a head of a megabyte would take ten seconds
// of a core. Swift lets in 90 of user metadata and some tens beside them
// (MAX_META_COUNT, MAX_HEADER_COUNT).
const maxHeaders = 1000

// failedUpdates ends a session in which subrequests failed.
type failedUpdates struct {
	code int
	text string
}

func (e *failedUpdates) Error() string { return e.text }

// updates carries out the subrequests. Their commits run beside the arrival of
// the next ones; all have ended before this returns, and only then is the END
// line answered. Source: ssync_receiver.py, Receiver.updates.
func (s *reception) updates(ctx context.Context) error {
	if err := s.expect(proto.UpdatesStart, "updates start"); err != nil {
		return err
	}
	c := newCommitter(ctx, s)
	err := s.readSubrequests(ctx, c)
	done := c.finish()
	if control.Enabled && control.Is(control.EarlyAnswer) && err == nil {
		err = s.send([]byte(proto.UpdatesStart + "\r\n" + proto.UpdatesEnd + "\r\n"))
		<-done
		return err
	}
	if err == nil {
		err = s.keepAlive(done)
	}
	<-done // also after an error: the locks are let go only after the last commit
	s.count(c)
	if err != nil {
		return err
	}
	if ok, failed := c.counts(); failed > 0 {
		return &failedUpdates{code: 500, text: fmt.Sprintf("ERROR: With :UPDATES: %d failures to %d successes", failed, ok)}
	}
	if err := s.device.Present(); err != nil {
		return err // durable, but on a disk that is not this node's any more
	}
	return s.send([]byte(proto.UpdatesStart + "\r\n" + proto.UpdatesEnd + "\r\n"))
}

func (s *reception) count(c *committer) {
	_, s.report.Failures = c.counts()
	s.report.Verified = c.verified
}

func (s *reception) readSubrequests(ctx context.Context, c *committer) error {
	for {
		line, err := s.line("updates line")
		if err == io.EOF {
			return nil // Swift takes the end of the stream for the END line
		}
		if err != nil {
			return err
		}
		if proto.IsMarker(line, proto.UpdatesEnd) {
			return nil
		}
		sub, err := s.readHead(line)
		if err != nil {
			return err
		}
		if err := s.perform(ctx, c, sub); err != nil {
			return err
		}
		if err := s.tooManyFailures(c); err != nil {
			return err
		}
	}
}

// tooManyFailures ends a session that goes nowhere. Failures are known at once,
// successes when they are durable: so what is in flight has its say first.
func (s *reception) tooManyFailures(c *committer) error {
	if ok, failed := c.counts(); !s.tooMany(ok, failed) {
		return nil
	}
	c.drain()
	ok, failed := c.counts()
	if !s.tooMany(ok, failed) {
		return nil
	}
	return &failedUpdates{text: fmt.Sprintf("Too many %d failures to %d successes", failed, ok)}
}

func (s *reception) tooMany(ok, failed int) bool {
	return failed >= s.cfg.FailureThreshold && (ok == 0 || float64(failed)/float64(ok) > s.cfg.FailureRatio)
}

// subrequest is a PUT, POST or DELETE whose head has been read.
type subrequest struct {
	method string
	name   string // /account/container/object
	hash   proto.Hash
	md     hashes.Metadata // what is to be stored: every header but ETag
	etag   string
	length int64
	ts     proto.Timestamp
	began  time.Time
	way    Way // what its body was held against, once it was
}

func (r *subrequest) String() string { return fmt.Sprintf("%s %.256q", r.method, r.name) }

// readHead reads what follows a subrequest's first line. What is wrong with it
// ends the session: where the next one begins would be a guess.
func (s *reception) readHead(line []byte) (*subrequest, error) {
	method, name, err := proto.ParseSubrequestLine(line)
	if err != nil {
		return nil, fmt.Errorf("subrequest line: %w", err)
	}
	r := &subrequest{method: method, name: name, length: -1, began: time.Now()}
	for total := 0; ; {
		line, err := s.line(r.String())
		if err == io.EOF {
			return nil, fmt.Errorf("got no headers for %s", r)
		}
		if err != nil {
			return nil, err
		}
		if len(proto.TrimBlanks(line)) == 0 {
			break
		}
		if total += len(line); total > maxHeadBytes {
			return nil, fmt.Errorf("%s: more than %d bytes of headers", r, maxHeadBytes)
		}
		if len(r.md) == maxHeaders {
			return nil, fmt.Errorf("%s: %d headers, more than anybody stores", r, maxHeaders)
		}
		if err := r.header(line); err != nil {
			return nil, fmt.Errorf("%s: %w", r, err)
		}
	}
	if err := r.checkLength(); err != nil {
		return nil, err
	}
	r.etag = s.dialect.etag(r.etag)
	r.hash = s.cfg.Store.Cluster().Secret.Hash(name)
	if !s.isWanted(r.hash) {
		return nil, fmt.Errorf("%s hashes to %s here, which this session did not ask for: "+
			"do swift_hash_path_prefix and swift_hash_path_suffix differ between the nodes?", r, r.hash)
	}
	return r, nil
}

// header takes one header line. All but the ETag are stored; a name that comes
// twice counts as it came last.
func (r *subrequest) header(line []byte) error {
	h, err := proto.ParseHeaderLine(line)
	if err != nil {
		return err
	}
	switch proto.LowerASCII(h.Name) {
	case "etag":
		r.etag = unquote(h.Value)
		return nil
	case "x-backend-no-commit":
		return nil
	case "content-length":
		if r.length, err = strconv.ParseInt(h.Value, 10, 64); err != nil || r.length < 0 {
			return fmt.Errorf("content-length %.32q is no length", h.Value)
		}
		if r.method != "PUT" {
			return nil // nothing to store in a .meta
		}
	}
	r.md.Set(proto.TitleCase(h.Name), h.Value)
	return nil
}

// unquote takes one pair of quotes off an ETag, as Swift does.
func unquote(etag string) string {
	if len(etag) >= 2 && etag[0] == '"' && etag[len(etag)-1] == '"' {
		return etag[1 : len(etag)-1]
	}
	return etag
}

func (r *subrequest) checkLength() error {
	switch r.method {
	case "PUT":
		if r.length < 0 {
			return fmt.Errorf("no content-length sent for %s", r)
		}
	case "POST", "DELETE":
		if r.length > 0 {
			return fmt.Errorf("%s with content-length", r)
		}
	default:
		return fmt.Errorf("invalid subrequest method %.32q", r.method)
	}
	return nil
}

// refusal is a subrequest's failure: it is counted, and the session goes on.
type refusal struct {
	status int
	reason string
}

func (e *refusal) Error() string { return fmt.Sprintf("%d %s", e.status, e.reason) }

func refuse(status int, format string, args ...any) error {
	return &refusal{status, fmt.Sprintf(format, args...)}
}

// validate makes the checks that need no disk. Source: server.py, PUT and POST,
// with constraints.py, check_object_creation; the limits on metadata were the
// proxy's to check and are not asked again.
func (r *subrequest) validate(maxFileSize int64) (err error) {
	if !utf8.ValidString(r.name) { // Swift could not read what was stored under it
		return refuse(412, "the name is not UTF-8")
	}
	text, ok := r.md.Get("X-Timestamp")
	if !ok {
		return refuse(400, "missing X-Timestamp header")
	}
	if r.ts, err = proto.ParseTimestamp(text); err != nil {
		return refuse(400, "invalid X-Timestamp header: %v", err)
	}
	if at, ok := r.md.Get("X-Delete-At"); ok {
		if _, err := strconv.ParseInt(strings.TrimSpace(at), 10, 64); err != nil {
			return refuse(400, "X-Delete-At %.32q is not a number", at)
		}
	}
	if r.method != "PUT" {
		return nil
	}
	if r.length > maxFileSize {
		return refuse(413, "%d bytes, more than max_file_size %d", r.length, maxFileSize)
	}
	if _, ok := r.md.Get("Content-Type"); !ok {
		return refuse(400, "no content type")
	}
	return nil
}

// perform carries out one subrequest. An error of it ends the session; a
// refusal is counted.
func (s *reception) perform(ctx context.Context, c *committer, r *subrequest) error {
	if err := r.validate(s.cfg.Store.Cluster().MaxFileSize); err != nil {
		c.settle(r, err)
		return s.skip(r, max(0, r.length))
	}
	if r.method == "PUT" {
		s.report.Puts++
		return s.put(ctx, c, r)
	}
	if r.method == "POST" {
		s.report.Posts++
	} else {
		s.report.Deletes++
	}
	c.queue(&pending{sub: r})
	return nil
}

// put receives the body and hands the file to the committer, which awaits that the
// body has landed: the next subrequest is read meanwhile.
func (s *reception) put(ctx context.Context, c *committer, r *subrequest) error {
	c.await(r.hash)
	b := s.newBody(r)
	w, err := s.room(r, b)
	if err != nil {
		c.settle(r, err)
		return s.skip(r, r.length)
	}
	landing, got, err := s.in.Land(ctx, r.length, w, b.digests()...)
	if err != nil {
		w.Abort()
		var sink *engine.SinkError
		if !errors.As(err, &sink) {
			return waited(r.String(), s.cfg.ClientTimeout, err)
		}
		c.settle(r, sink.Err)
		return s.skip(r, r.length-got)
	}
	s.report.Bytes += got
	b.landing = landing
	c.queue(&pending{sub: r, writer: w, body: b})
	return nil
}

// room makes it for a body. What will be checked may take the place of what was not.
func (s *reception) room(r *subrequest, b *body) (*store.Writer, error) {
	if b.way == WayNone {
		return s.partition.Put(r.hash, r.ts, r.length)
	}
	return s.partition.PutChecked(r.hash, r.ts, r.length, r.etag)
}

// skip reads and drops the body of a refused PUT.
func (s *reception) skip(r *subrequest, n int64) error {
	return waited(r.String(), s.cfg.ClientTimeout, s.in.Discard(n))
}
