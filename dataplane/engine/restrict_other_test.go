//go:build !linux

package engine_test

func restrict() {}
