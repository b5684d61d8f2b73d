package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/ringsync/ringsync/cmd/internal/admin"
	"github.com/spf13/cobra"
)

type statusOptions struct {
	admin         string
	asJSON, watch bool
	every         time.Duration // between two looks
}

func newStatusCommand() *cobra.Command {
	o := statusOptions{every: 2 * time.Second}
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell what this node's ringsyncd does, and why what waits does",
		Long: `status asks the ringsyncd of this machine: how far the pass is, on each device and
for each peer, how fast it goes and how long the rest will take; what is in hand;
what waits, and for what; and which partitions have not got on for several passes,
with a command to begin with. What each word means is in SEEING.md.

Without --replicate a daemon makes no passes; it tells what it has in hand for
other nodes. Only the daemon's user and root may ask at a socket.`,
		Example: `  ringsync status
  ringsync status --watch
  ringsync status --json --admin /run/ringsync/admin.sock`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.OutOrStdout()) },
	}
	f := cmd.Flags()
	f.StringVar(&o.admin, "admin", "/run/ringsync/"+admin.SocketName, "where ringsyncd is asked: its --admin, or "+admin.SocketName+" in its --state-dir")
	f.BoolVar(&o.asJSON, "json", false, "print the daemon's answer, as JSON")
	f.BoolVar(&o.watch, "watch", false, "look again every two seconds, until interrupted")
	return cmd
}

func (o *statusOptions) run(ctx context.Context, w io.Writer) error {
	at, err := admin.ParseAddress(o.admin)
	if err == nil && at.Network == "" {
		err = errors.New("it says nowhere")
	}
	if err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	for {
		text, err := o.look(ctx, at)
		if o.watch && ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if o.watch && onTerminal(w) {
			text = append([]byte("\x1b[H\x1b[2J"), text...) // one write: nothing flickers
		}
		if _, err := w.Write(text); err != nil || !o.watch {
			return err
		}
		select {
		case <-time.After(o.every):
		case <-ctx.Done():
			return nil
		}
	}
}

// look asks once, and gives what is to be printed.
func (o *statusOptions) look(ctx context.Context, at admin.Address) ([]byte, error) {
	answer, err := admin.Ask(ctx, at, "GET", "/status", nil)
	if err != nil {
		return nil, err
	}
	s, err := parseStatus(answer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	var out bytes.Buffer
	if o.asJSON {
		err = json.Compact(&out, answer)
		out.WriteByte('\n')
		return out.Bytes(), err
	}
	printStatus(&out, s)
	return out.Bytes(), nil
}

// parseStatus reads one answer. Fields that it does not know are a newer daemon's.
func parseStatus(answer []byte) (*admin.Status, error) {
	var s admin.Status
	if err := json.Unmarshal(answer, &s); err != nil {
		return nil, fmt.Errorf("that is no status: %w", err)
	}
	if s.PID <= 0 || s.At.IsZero() {
		return nil, errors.New("that is no status: it does not say of whom or when")
	}
	return &s, nil
}

func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isTerminal(f)
}
