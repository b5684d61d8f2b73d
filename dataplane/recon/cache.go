package recon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockTimeout is how long Update waits for another daemon's, and how often it
// asks. Source: dump_recon_cache; lock_file.
const (
	lockTimeout = 2 * time.Second
	lockPause   = 10 * time.Millisecond
)

// Read reads a cache file. It must hold an object; the values are those of
// encoding/json with numbers as json.Number. Source: recon.py,
// _from_recon_cache.
func Read(path string) (map[string]any, error) {
	text, err := readFile(path, maxCache)
	if err != nil {
		return nil, err
	}
	v, err := parseJSON(text)
	if err != nil {
		return nil, err
	}
	entry, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object")
	}
	return entry, nil
}

// Update merges values into a cache file as Swift's daemons do, beside theirs:
// under a lock on the file itself, which is replaced as a whole. A value that is
// an object is merged key by key into the one that stands there; an empty object
// removes its key, there or one level down; any other value replaces what was.
//
// The directory must exist. Nothing is fsynced: the figures are only a pass old.
// Values are as in appendJSON. Source: utils, dump_recon_cache.
func Update(ctx context.Context, path string, values map[string]any) error {
	held, err := lockFile(ctx, path)
	if err != nil {
		return fmt.Errorf("recon cache %s: %w", path, err)
	}
	defer held.Close()
	entry, err := readEntry(held)
	if err == nil {
		for key, value := range values {
			put(entry, key, value)
		}
		err = replace(path, append(appendJSON(nil, entry), '\n'))
	}
	if err != nil {
		return fmt.Errorf("recon cache %s: %w", path, err)
	}
	return nil
}

// readEntry reads the line that the file is made of. One that is no JSON is made
// anew, as in Swift; JSON of another kind is somebody else's file.
func readEntry(f *os.File) (map[string]any, error) {
	line, err := bufio.NewReader(io.LimitReader(f, maxCache+1)).ReadBytes('\n')
	if err != nil && err != io.EOF {
		return nil, err
	}
	if len(line) > maxCache {
		return nil, errTooLarge
	}
	v, err := parseJSON(line)
	if err != nil {
		return map[string]any{}, nil
	}
	entry, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("not a JSON object, left alone")
	}
	return entry, nil
}

// put merges one value. Source: utils, put_recon_cache_entry.
func put(entry map[string]any, key string, value any) {
	item, ok := value.(map[string]any)
	switch {
	case !ok:
		entry[key] = value
		return
	case len(item) == 0:
		delete(entry, key)
		return
	}
	there, ok := entry[key].(map[string]any)
	if !ok {
		there = map[string]any{}
		entry[key] = there
	}
	for k, v := range item {
		if inner, ok := v.(map[string]any); ok && len(inner) == 0 {
			delete(there, k)
		} else {
			there[k] = v
		}
	}
}

// replace puts a file of one line in the place of another. A temporary file that
// an error leaves is removed.
func replace(path string, line []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "tmp*") // 0600, as Swift's is
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// lockFile opens a file, made where it is missing, and locks it. Whoever waited
// while it was replaced holds the old one, and begins anew. Source: utils,
// lock_file.
func lockFile(ctx context.Context, path string) (*os.File, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lockTimeout, fmt.Errorf("%v: lock not obtained", lockTimeout))
	defer cancel()
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o777)
		if err != nil {
			return nil, err
		}
		current, err := lockOpen(ctx, f, path)
		if current {
			return f, nil
		}
		f.Close()
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return nil, err
		}
	}
}

// lockOpen locks f and tells whether path still leads to it.
func lockOpen(ctx context.Context, f *os.File, path string) (current bool, err error) {
	tick := time.NewTicker(lockPause)
	defer tick.Stop()
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			break
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return false, &os.PathError{Op: "flock", Path: path, Err: err}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(mine, there), err
}
