//go:build !linux

package engine

import "errors"

func canSendfile() error { return errors.ErrUnsupported }
