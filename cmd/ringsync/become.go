package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// become gives root away, for good and in all threads, so that what is written is
// Python's to read: the user is object-server.conf's. Who is not root stays who he
// is. Source: utils, drop_privileges.
func become(name string) error {
	if os.Geteuid() != 0 || name == "" {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("the configuration's user: %w", err)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	texts, err := u.GroupIds()
	if err := errors.Join(uidErr, gidErr, err); err != nil || uid == 0 {
		return err
	}
	groups := make([]int, len(texts))
	for i, text := range texts {
		if groups[i], err = strconv.Atoi(text); err != nil {
			return err
		}
	}
	if err := errors.Join(syscall.Setgroups(groups), syscall.Setgid(gid), syscall.Setuid(uid)); err != nil {
		return fmt.Errorf("becoming user %s: %w", name, err)
	}
	return nil
}
