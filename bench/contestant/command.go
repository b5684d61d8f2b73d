package contestant

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/ringsync/ringsync/bench/measure"
)

// Command is a program that is part of a sender.
type Command struct {
	*exec.Cmd
	stdout bytes.Buffer
	stderr *lines
}

// stopGrace is what a program that is asked to end may take.
const stopGrace = 5 * time.Second

func command(ctx context.Context, path string, args ...string) *Command {
	c := &Command{Cmd: exec.CommandContext(ctx, path, args...), stderr: newLines(nil)}
	c.Stdout, c.Stderr = &c.stdout, c.stderr
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = stopGrace
	// Ctrl-C is for us: whoever is to end with us is told so by us, in order; and
	// who can't be told any more, since we were killed, ends too.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return c
}

func (c *Command) name() string { return filepath.Base(c.Args[0]) }

// killAll ends a program and whoever it has started, now.
func (c *Command) killAll() { syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }

// failed wraps how a program ended with the end of what it said.
func (c *Command) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w: %s", c.name(), err, c.stderr.text())
}

// decode reads a program's answer.
func (c *Command) decode(answer any) error {
	if err := json.Unmarshal(c.stdout.Bytes(), answer); err != nil {
		return fmt.Errorf("answer of %s: %w", c.name(), err)
	}
	return nil
}

// work runs a sender's programs side by side, and sums up what they took. The
// time is that from the start of the first to the end of the last.
func (j *Job) work(commands ...*Command) (sum Sent, err error) {
	if j.Count != nil {
		for _, c := range commands {
			if err := j.Count(c); err != nil {
				return sum, err
			}
		}
	}
	if err := j.Begin(0); err != nil {
		return sum, err
	}
	start := time.Now()
	for i, c := range commands {
		if err := c.Start(); err != nil {
			for _, started := range commands[:i] {
				started.killAll()
				started.Wait()
			}
			return sum, err
		}
	}
	for _, c := range commands {
		err = errors.Join(err, c.failed(c.Wait()))
	}
	sum.Seconds = time.Since(start).Seconds()
	sum.Offered, sum.Wanted = -1, -1
	for _, c := range commands {
		e := measure.OfEnded(c.ProcessState)
		sum.CPU = sum.CPU.Plus(e.CPU)
		sum.PeakBytes += e.PeakBytes
		sum.Switches += e.Switches
	}
	return sum, err
}
