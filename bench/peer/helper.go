package peer

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

//go:embed python/*.py
var scripts embed.FS

// drainGrace is how long the standard error of a helper may stay open after
// the helper's end, in the hands of a child that escaped its process group.
const drainGrace = 2 * time.Second

// helper is one running script: the leader of a process group.
//
//	start → answer, once or more → finish
//
// Whoever starts it must finish it.
type helper struct {
	ctx      context.Context
	cmd      *exec.Cmd
	script   string
	dir      string         // a copy of all scripts, and whatever it writes; removed by finish
	answers  *os.File       // its standard output; at its end when the last of the group is gone
	lifeline io.WriteCloser // its standard input
	decoder  *json.Decoder
	last     tail // the end of its standard error
}

// call runs a script for one request and one answer.
func (s *Swift) call(ctx context.Context, script string, request, answer any) error {
	h, err := s.start(ctx, script, request, nil)
	if err != nil {
		return err
	}
	refused := h.answer(answer)
	return h.explain(refused, h.finish(refused))
}

// callGated is call for a script that waits, when all is prepared, until ready has
// returned. A nil ready lets it go on at once, and a resident do it.
func (s *Swift) callGated(ctx context.Context, swiftDir, script string, request map[string]any, ready func(pid int) error, answer any) error {
	if request["gate"] = ready != nil; ready == nil {
		return s.ask(ctx, swiftDir, script, request, answer)
	}
	h, err := s.start(ctx, script, request, nil)
	if err != nil {
		return err
	}
	var refusal error
	if err = h.open(func(pid int) error { refusal = ready(pid); return refusal }); err == nil {
		err = h.answer(answer)
	}
	err = h.explain(err, h.finish(err))
	if refusal != nil {
		return refusal
	}
	return err
}

// open waits until a helper stands at its gate, and lets it through.
func (h *helper) open(ready func(pid int) error) error {
	var at struct{ PID int }
	if err := h.answer(&at); err != nil {
		return err
	}
	if err := ready(at.PID); err != nil {
		return err
	}
	_, err := h.lifeline.Write([]byte("\n"))
	return err
}

// start runs a script and hands it the request. What it says on its standard
// error goes to log too, if log is not nil.
func (s *Swift) start(ctx context.Context, script string, request any, log io.Writer) (*helper, error) {
	line, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("peer: request to %s: %w", script, err)
	}
	dir, err := unpack()
	if err != nil {
		return nil, err
	}
	h := &helper{ctx: ctx, script: script, dir: dir}
	h.cmd = exec.CommandContext(ctx, s.Python, "-B", filepath.Join(dir, "python", script))
	h.cmd.Stderr = &h.last
	if log != nil {
		h.cmd.Stderr = io.MultiWriter(&h.last, log)
	}
	h.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	h.cmd.Cancel = h.kill
	h.cmd.WaitDelay = drainGrace
	if err := h.launch(line); err != nil {
		return nil, errors.Join(fmt.Errorf("peer: start %s: %w", script, err), os.RemoveAll(dir))
	}
	return h, nil
}

// unpack writes the scripts where an interpreter can import them.
func unpack() (string, error) {
	dir, err := os.MkdirTemp("", "ringsync-peer-")
	if err != nil {
		return "", fmt.Errorf("peer: %w", err)
	}
	if err := os.CopyFS(dir, scripts); err != nil {
		return "", errors.Join(fmt.Errorf("peer: unpack the helpers: %w", err), os.RemoveAll(dir))
	}
	return dir, nil
}

func (h *helper) launch(line []byte) error {
	stdin, err := h.cmd.StdinPipe()
	if err != nil {
		return err
	}
	answers, theirs, err := os.Pipe()
	if err != nil {
		return err
	}
	h.lifeline, h.answers, h.cmd.Stdout = stdin, answers, theirs
	h.decoder = json.NewDecoder(answers)
	err = h.cmd.Start()
	theirs.Close()
	if err != nil {
		answers.Close()
		return err
	}
	// A script that dies before it has read its request shows in the answer.
	_, _ = stdin.Write(append(line, '\n'))
	return nil
}

// answer decodes the next answer into v; nil drops it.
func (h *helper) answer(v any) error {
	if v == nil {
		v = new(json.RawMessage)
	}
	return h.decoder.Decode(v)
}

// kill ends the whole group, now. A group that is gone already is fine.
func (h *helper) kill() error {
	err := syscall.Kill(-h.cmd.Process.Pid, syscall.SIGKILL)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// finish waits until the leader has ended, kills what it left of its group, and
// returns when the last of them is gone: only then is the pipe of answers at
// its end. The error is the leader's exit. A leader whose answer was refused is
// not waited for, unless it is about to end anyway.
func (h *helper) finish(refused error) error {
	if refused != nil && refused != io.EOF {
		_ = h.kill()
	}
	exit := h.cmd.Wait()
	_ = h.kill()
	_, _ = io.Copy(io.Discard, h.answers)
	h.answers.Close()
	h.lifeline.Close()
	os.RemoveAll(h.dir)
	return exit
}

// explain makes one error of what was wrong with an answer and of how the
// helper ended, nil if neither went wrong.
func (h *helper) explain(refused, exit error) error {
	switch {
	case refused == nil && exit == nil:
		return nil
	case h.ctx.Err() != nil:
		return fmt.Errorf("peer: %s: %w", h.script, context.Cause(h.ctx))
	case exit != nil:
		return fmt.Errorf("peer: %s: %w: %s", h.script, exit, h.last.text())
	}
	return fmt.Errorf("peer: answer of %s: %w", h.script, refused)
}

// tailBytes holds a Python traceback and little more.
const tailBytes = 4096

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-tailBytes):]...)
	t.kept = t.kept[max(0, len(t.kept)-tailBytes):]
	return len(p), nil
}

func (t *tail) text() string { return lastLines(t.kept) }
