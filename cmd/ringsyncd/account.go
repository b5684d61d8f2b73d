package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"github.com/ringsync/ringsync/dataplane/config"
)

// account is who to become; nil: stay who we are.
type account struct {
	name, home string
	uid, gid   int
	groups     []int
}

// findAccount tells who to become. With a file, that is user as in Swift; with
// flags alone, --user if it is given. Only root can become another: who else
// starts us stays who he is, unless another user is asked for by name.
func findAccount(log *slog.Logger, s *config.Resolved, file bool) (*account, error) {
	asked := s.Source("user") != config.FromDefault
	if !asked && !file {
		return nil, nil
	}
	a, err := lookUp(s.User)
	if os.Geteuid() == 0 {
		return a, err
	}
	switch {
	case err == nil && a.uid == os.Geteuid():
		return nil, nil
	case !asked:
		log.Info("not started by root: staying who we are", "uid", os.Geteuid(), "user", s.User)
		return nil, nil
	case err != nil:
		return nil, err
	}
	return nil, fmt.Errorf("user %s: only root can become another user, and this is uid %d; start as root or as %s", s.User, os.Geteuid(), s.User)
}

func lookUp(name string) (*account, error) {
	u, err := user.Lookup(name)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		return nil, fmt.Errorf("user %.64q does not exist on this node; create it, or name another with the key user or the flag --user", name)
	}
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	a := &account{name: name, home: u.HomeDir}
	for _, id := range append([]string{u.Uid, u.Gid}, ids...) {
		n, err := strconv.Atoi(id)
		if err != nil {
			return nil, fmt.Errorf("user %s has the id %q", name, id)
		}
		a.groups = append(a.groups, n)
	}
	a.uid, a.gid, a.groups = a.groups[0], a.groups[1], a.groups[2:]
	return a, nil
}

// become gives root away, in all threads: package syscall sees to that, where
// package unix would change one thread. Source: utils, drop_privileges. Swift
// also begins a session of its own; here that is the service manager's to do, and
// who starts ringsyncd by hand can stop it by hand.
func (a *account) become() error {
	if a == nil {
		return nil
	}
	if err := errors.Join(syscall.Setgroups(a.groups), syscall.Setgid(a.gid), syscall.Setuid(a.uid)); err != nil {
		return fmt.Errorf("becoming user %s: %w", a.name, err)
	}
	return os.Setenv("HOME", a.home)
}

// makeDir makes a directory for the account; one that is there stays as it is.
func (a *account) makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil || a == nil {
		return err
	}
	return os.Chown(dir, a.uid, a.gid)
}
