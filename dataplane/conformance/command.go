package conformance

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// Command makes a sender of a shell command, in which {host}, {port}, {device},
// {partition}, {policy}, {devices}, {swift_dir} and {verb} are filled in. It has
// sent well if it ends with 0. verbs are those it can speak: REPLICATION only if
// it takes {verb}.
func Command(template, swiftDir string) (run func(context.Context, Target) error, verbs []string, err error) {
	if !strings.Contains(template, "{port}") || !strings.Contains(template, "{devices}") {
		return nil, nil, fmt.Errorf("a sender's command needs {port} and {devices}: %.100q", template)
	}
	verbs = []string{"SSYNC"}
	if strings.Contains(template, "{verb}") {
		verbs = append(verbs, "REPLICATION")
	}
	return func(ctx context.Context, t Target) error { return runCommand(ctx, fill(template, swiftDir, t)) }, verbs, nil
}

func fill(template, swiftDir string, t Target) string {
	return strings.NewReplacer(
		"{host}", t.Host, "{port}", t.Port, "{device}", t.Device, "{partition}", strconv.FormatUint(uint64(t.Partition), 10),
		"{policy}", strconv.Itoa(t.Policy), "{devices}", t.Devices, "{swift_dir}", swiftDir, "{verb}", t.Verb,
	).Replace(template)
}

// runCommand runs a command with all that it starts, which ends with ctx.
func runCommand(ctx context.Context, line string) error {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", line)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	var said tail
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(said.text))
	}
	return nil
}

// tail keeps the end of what is written to it.
type tail struct{ text []byte }

const tailBytes = 2 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-tailBytes):]
	return len(p), nil
}
