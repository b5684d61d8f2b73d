package main

import (
	"encoding/json"
	"net"

	"github.com/ringsync/ringsync/bench/floor"
	"github.com/spf13/cobra"
)

// newFloorCommand has the parts that bench starts as processes of their own.
func newFloorCommand() *cobra.Command {
	var to, dir, like string
	var bytes int64
	parts := &cobra.Command{Use: "floor", Short: "Parts of bench: the machine's own limits", Hidden: true}
	part := func(use string, do func() (floor.Result, error)) {
		parts.AddCommand(&cobra.Command{Use: use, Args: cobra.NoArgs, RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := do()
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
		}})
	}
	part("send", func() (floor.Result, error) { return floor.Send(to, dir) })
	part("pour", func() (floor.Result, error) { return floor.Pour(to, bytes) })
	part("write", func() (floor.Result, error) { return floor.Write(dir, like) })
	part("read", func() (floor.Result, error) { return floor.Read(dir) })
	part("md5", func() (floor.Result, error) { return floor.MD5(bytes), nil })
	parts.AddCommand(
		newFloorReceiver("receive", func(l net.Listener) (floor.Result, error) { return floor.Receive(l, dir) }),
		newFloorReceiver("drain", floor.Drain))
	f := parts.PersistentFlags()
	f.StringVar(&to, "to", "", "HOST:PORT of who receives")
	f.StringVar(&dir, "dir", "", "directory that is read or written")
	f.StringVar(&like, "like", "", "directory whose bodies' sizes the files get")
	f.Int64Var(&bytes, "bytes", 0, "how many")
	return parts
}

// newFloorReceiver says where it listens, takes in one stream, and stays until it
// is told to end, so that what it took can be read.
func newFloorReceiver(use string, take func(net.Listener) (floor.Result, error)) *cobra.Command {
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
		r, err := take(l)
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
