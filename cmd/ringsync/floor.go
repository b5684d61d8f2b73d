package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"

	"github.com/ringsync/ringsync/bench/floor"
	"github.com/ringsync/ringsync/bench/moved"
	"github.com/ringsync/ringsync/bench/sink"
	"github.com/spf13/cobra"
)

// newFloorCommand has the parts that bench starts as processes of their own.
func newFloorCommand() *cobra.Command {
	var to, dir, like string
	var bytes int64
	parts := &cobra.Command{Use: "floor", Short: "Parts of bench: the machine's own limits", Hidden: true}
	part := func(use string, do func() (any, error)) {
		parts.AddCommand(&cobra.Command{Use: use, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := do()
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
		}})
	}
	part("send", func() (any, error) { return floor.Send(to, dir) })
	part("pour", func() (any, error) { return floor.Pour(to, bytes) })
	part("one", func() (any, error) { return floor.One(to, dir) })
	part("write", func() (any, error) { return floor.Write(dir, like) })
	part("read", func() (any, error) { return floor.Read(dir) })
	part("md5", func() (any, error) { return floor.MD5(bytes), nil })
	parts.AddCommand(
		&cobra.Command{Use: "bodies", Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := moved.Send(cmd.Context(), to, bytes)
			return errors.Join(err, json.NewEncoder(cmd.OutOrStdout()).Encode(r))
		}},
		newFloorReceiver("receive", func(_ context.Context, l net.Listener) (any, error) { return floor.Receive(l, dir) }),
		newFloorReceiver("drain", func(_ context.Context, l net.Listener) (any, error) { return floor.Drain(l) }),
		newFloorReceiver("land", func(ctx context.Context, l net.Listener) (any, error) { return moved.Land(ctx, l, bytes) }),
		newFloorReceiver("sink", func(ctx context.Context, l net.Listener) (any, error) {
			defer context.AfterFunc(ctx, func() { l.Close() })()
			return struct{}{}, sink.Serve(l)
		}))
	f := parts.PersistentFlags()
	f.StringVar(&to, "to", "", "HOST:PORT of who receives")
	f.StringVar(&dir, "dir", "", "directory that is read or written")
	f.StringVar(&like, "like", "", "directory whose bodies' sizes the files get")
	f.Int64Var(&bytes, "bytes", 0, "how many")
	return parts
}

// newFloorReceiver says where it listens, takes in one stream, and stays until it
// is told to end, so that what it took can be read.
func newFloorReceiver(use string, take func(context.Context, net.Listener) (any, error)) *cobra.Command {
	return &cobra.Command{Use: use, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		out := json.NewEncoder(cmd.OutOrStdout())
		if err := out.Encode(map[string]string{"address": l.Addr().String()}); err != nil {
			return err
		}
		r, err := take(cmd.Context(), l)
		if err != nil {
			return err
		}
		if err := out.Encode(r); err != nil {
			return err
		}
		<-cmd.Context().Done()
		return nil
	}}
}
