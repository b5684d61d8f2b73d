// Package account lets a command that root has started become the user whom
// Swift's configuration names, as Swift's daemons do.
package account

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Account is who to become; nil: stay who we are.
type Account struct {
	Name, Home string
	UID, GID   int
	Groups     []int
}

// LookUp finds a user of this node by name.
func LookUp(name string) (*Account, error) {
	u, err := user.Lookup(name)
	if _, unknown := errors.AsType[user.UnknownUserError](err); unknown {
		return nil, fmt.Errorf("user %.64q does not exist on this node; create it, or name another with the configuration's key user", name)
	}
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	a := &Account{Name: name, Home: u.HomeDir}
	for _, id := range append([]string{u.Uid, u.Gid}, ids...) {
		n, err := strconv.Atoi(id)
		if err != nil {
			return nil, fmt.Errorf("user %s has the id %q", name, id)
		}
		a.Groups = append(a.Groups, n)
	}
	a.UID, a.GID, a.Groups = a.Groups[0], a.Groups[1], a.Groups[2:]
	return a, nil
}

// Become gives root away, in all threads: package syscall sees to that, where
// package unix would change one thread. Source: utils, drop_privileges. Swift
// also begins a session of its own; here that is the service manager's to do, and
// who starts a command by hand can stop it by hand.
func (a *Account) Become() error {
	if a == nil {
		return nil
	}
	if err := errors.Join(syscall.Setgroups(a.Groups), syscall.Setgid(a.GID), syscall.Setuid(a.UID)); err != nil {
		return fmt.Errorf("becoming user %s: %w", a.Name, err)
	}
	return os.Setenv("HOME", a.Home)
}

// MakeDir makes a directory for the account; one that is there stays as it is.
func (a *Account) MakeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil || a == nil {
		return err
	}
	return os.Chown(dir, a.UID, a.GID)
}
