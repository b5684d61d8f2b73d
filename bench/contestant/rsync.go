package contestant

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

const rsyncDigest = "rsync's own checksum of what it sent; no ETag"

// rsyncReceive starts the rsync daemon alone.
func (k *Kit) rsyncReceive(ctx context.Context, j *Job) (*Receiver, error) {
	r := &Receiver{}
	if err := k.startDaemon(ctx, j, r); err != nil {
		return nil, errors.Join(err, r.Stop())
	}
	return r, nil
}

// rsyncSend runs rsync with the options that matter of those that Swift's
// replicator gives it, an rsync for each session.
func (k *Kit) rsyncSend(more ...string) func(context.Context, *Job, *Receiver) (Sent, error) {
	return func(ctx context.Context, j *Job, r *Receiver) (Sent, error) {
		objects := filepath.Join(j.Source, j.Device, j.Cluster.Policies[0].DataDir())
		to := "rsync://" + r.extra + "/" + module + "/" + j.Device + "/" + j.Cluster.Policies[0].DataDir() + "/"
		commands := make([]*Command, min(j.Sessions, len(j.Partitions)))
		for i := range commands {
			// What is obsolete here goes there too, as a commit would have it; digests
			// and locks are each node's own.
			args := append([]string{"--archive", "--xattrs", "--whole-file", "--delete", "--exclude=/*/hashes.*", "--exclude=/*/.lock*"}, more...)
			for n := i; n < len(j.Partitions); n += len(commands) {
				args = append(args, filepath.Join(objects, strconv.FormatUint(uint64(j.Partitions[n]), 10)))
			}
			commands[i] = command(ctx, k.Rsync, append(args, to)...)
		}
		return j.work(commands...)
	}
}

// module is what Swift calls the rsync module of its object disks.
const module = "object"

// startDaemon starts Debian's rsync as a daemon over the target, beside what r is
// already.
func (k *Kit) startDaemon(ctx context.Context, j *Job, r *Receiver) error {
	// rsync makes a partition, but not what is above it; on a node that runs, the
	// replicator has.
	if err := os.MkdirAll(filepath.Join(j.Target, j.Device, j.Cluster.Policies[0].DataDir()), 0o755); err != nil {
		return err
	}
	conf := filepath.Join(j.Dir, "rsyncd.conf")
	if err := writeDaemonConf(conf, j.Target); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	c := command(ctx, k.Rsync, "--daemon", "--no-detach", "--config="+conf, "--address="+host, "--port="+port)
	s, err := r.serve(c)
	if err != nil {
		return err
	}
	r.extra = address
	return r.await(ctx, s, s.reachable(ctx, address))
}

// writeDaemonConf makes the target a module that anybody on the loopback may
// write to, as in Swift's rsyncd.conf-sample.
func writeDaemonConf(path, target string) error {
	text := fmt.Sprintf(`use chroot = no
log file = /dev/null
reverse lookup = no
[%s]
path = %s
read only = no
hosts allow = 127.0.0.1
`, module, target)
	if os.Geteuid() == 0 {
		text += "uid = 0\ngid = 0\n" // else root's daemon writes as nobody
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// freeAddress is a port that nobody has just now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// knockPause is how often a port is tried until somebody answers.
const knockPause = 10 * time.Millisecond

// reachable tells when a server takes connections, unless it ends before.
func (s *server) reachable(ctx context.Context, address string) <-chan struct{} {
	ready := make(chan struct{})
	go func() {
		for {
			conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err == nil {
				conn.Close()
				close(ready)
				return
			}
			select {
			case <-time.After(knockPause):
			case <-s.gone:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return ready
}
