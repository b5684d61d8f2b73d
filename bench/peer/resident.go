package peer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// errNoResident says that the resident ended before it answered.
var errNoResident = errors.New("the resident is gone")

// resident is a helper that has imported Swift once, for one swift directory, and
// forks for each thing that it is asked.
type resident struct {
	h        *helper
	swiftDir string
	gone     chan struct{} // closed when nobody tells anything any more

	mu      sync.Mutex
	asked   int
	waiting map[int]chan tiding
}

// tiding is what the resident tells: of each script that it runs, and that it ended.
type tiding struct {
	ID     int
	PID    int
	Status *syscall.WaitStatus // nil: it runs
}

// Stay returns the same Swift, imported once for a swift directory: what is asked
// about that directory of Fill, Inspect, Hashes, Audit and BuildRing, and of Send and
// RunDaemon if nobody is to be told that they are ready, a fork of one process does,
// and need not import Swift again, which takes a second of a core. Servers are
// processes of their own, as ever. The process ends with ctx, or when stop is called,
// before which all of the calls have returned.
func (s *Swift) Stay(ctx context.Context, swiftDir string) (stays *Swift, stop func(), err error) {
	h, err := s.start(ctx, "resident.py", map[string]any{"swift_dir": swiftDir}, nil)
	if err != nil {
		return nil, nil, err
	}
	r := &resident{h: h, swiftDir: swiftDir, gone: make(chan struct{}), waiting: map[int]chan tiding{}}
	go r.listen()
	here := *s
	here.resident = r
	return &here, r.stop, nil
}

func (r *resident) stop() {
	r.h.lifeline.Close()
	<-r.gone
}

// listen tells each who waits what becomes of his script, until the last of the
// resident's processes is gone.
func (r *resident) listen() {
	defer close(r.gone)
	for {
		var t tiding
		if err := r.h.answer(&t); err != nil {
			_ = r.h.finish(err)
			return
		}
		r.mu.Lock()
		told := r.waiting[t.ID]
		if t.Status != nil {
			delete(r.waiting, t.ID)
		}
		r.mu.Unlock()
		if told != nil {
			told <- t
		}
	}
}

// ask is call for a script that a resident for the directory may do, where there is
// one.
func (s *Swift) ask(ctx context.Context, swiftDir, script string, request, answer any) error {
	if r := s.resident; r != nil && r.swiftDir == swiftDir {
		return r.call(ctx, script, request, answer)
	}
	return s.call(ctx, script, request, answer)
}

// question is what the resident reads.
type question struct {
	ID      int    `json:"id"`
	Script  string `json:"script"`
	Request any    `json:"request"`
	Answer  string `json:"answer"` // the file for it
	Log     string `json:"log"`
}

func (r *resident) call(ctx context.Context, script string, request, answer any) error {
	q, told, err := r.put(strings.TrimSuffix(script, ".py"), request)
	if err != nil {
		return fmt.Errorf("peer: request to %s: %w", script, err)
	}
	defer os.Remove(q.Answer)
	defer os.Remove(q.Log)
	status, err := r.wait(ctx, told)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("peer: %s: %w", script, context.Cause(ctx))
	case err != nil:
		return fmt.Errorf("peer: %s: %w", script, err)
	case status != 0:
		said, _ := os.ReadFile(q.Log)
		return fmt.Errorf("peer: %s: %s: %s", script, ending(status), lastLines(said))
	}
	text, err := os.ReadFile(q.Answer)
	if err == nil && answer != nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil {
		return fmt.Errorf("peer: answer of %s: %w", script, err)
	}
	return nil
}

// put asks a question.
func (r *resident) put(script string, request any) (q question, told <-chan tiding, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	at := filepath.Join(r.h.dir, fmt.Sprint(r.asked))
	q = question{ID: r.asked, Script: script, Request: request, Answer: at + ".answer", Log: at + ".log"}
	line, err := json.Marshal(q)
	if err != nil {
		return q, nil, err
	}
	tidings := make(chan tiding, 2) // it runs, it ended: nobody waits for who listens
	r.waiting[q.ID] = tidings
	// One that is gone shows as such.
	_, _ = r.h.lifeline.Write(append(line, '\n'))
	return q, tidings, nil
}

// wait waits until a script has ended, and kills it when ctx ends.
func (r *resident) wait(ctx context.Context, told <-chan tiding) (syscall.WaitStatus, error) {
	for {
		select {
		case t := <-told:
			if t.Status != nil {
				return *t.Status, nil
			}
			defer context.AfterFunc(ctx, func() { _ = syscall.Kill(t.PID, syscall.SIGKILL) })()
		case <-r.gone:
			return 0, fmt.Errorf("%w: %s", errNoResident, r.h.last.text())
		}
	}
}

func ending(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "signal: " + status.Signal().String()
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
