package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/ringsync/ringsync/cmd/internal/account"
	"github.com/ringsync/ringsync/dataplane/config"
)

// findAccount tells who to become. With a file, that is user as in Swift; with
// flags alone, --user if it is given. Only root can become another: who else
// starts us stays who he is, unless another user is asked for by name.
func findAccount(log *slog.Logger, s *config.Resolved, file bool) (*account.Account, error) {
	asked := s.Source("user") != config.FromDefault
	if !asked && !file {
		return nil, nil
	}
	a, err := account.LookUp(s.User)
	if os.Geteuid() == 0 {
		return a, err
	}
	switch {
	case err == nil && a.UID == os.Geteuid():
		return nil, nil
	case !asked:
		log.Info("not started by root: staying who we are", "uid", os.Geteuid(), "user", s.User)
		return nil, nil
	case err != nil:
		return nil, err
	}
	return nil, fmt.Errorf("user %s: only root can become another user, and this is uid %d; start as root or as %s", s.User, os.Geteuid(), s.User)
}
