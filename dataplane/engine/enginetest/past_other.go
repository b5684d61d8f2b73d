//go:build !linux

package enginetest

import (
	"errors"
	"os"
)

func openPast(path string) (*os.File, error) { return os.OpenFile(path, os.O_WRONLY, 0) }
func pastCache(*os.File, bool) error         { return errors.ErrUnsupported }
func forget(*os.File) error                  { return nil }
