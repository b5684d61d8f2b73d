package recon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// Daemons that update one file at the same time lose nothing of each other, and
// leave no file but that.
func TestUpdateTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), ObjectFile)
	const daemons = 16
	var all sync.WaitGroup
	for i := range daemons {
		all.Go(func() {
			values := map[string]any{fmt.Sprint("key", i): i, "shared": map[string]any{fmt.Sprint("d", i): i}}
			if err := Update(t.Context(), path, values); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	entry, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	shared, _ := entry["shared"].(map[string]any)
	if len(entry) != daemons+1 || len(shared) != daemons {
		t.Errorf("%d keys and %d shared: %v", len(entry), len(shared), entry)
	}
	alone(t, path)
}

func alone(t *testing.T, path string) {
	t.Helper()
	if names, err := listNames(filepath.Dir(path)); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
}

// Who waited for a file that was replaced meanwhile has the lock of nothing.
func TestLockOfReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), ObjectFile)
	write(t, path, "old")
	old, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	if current, err := lockOpen(t.Context(), old, path); !current || err != nil {
		t.Fatalf("%v, %v", current, err)
	}
	if err := replace(path, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if current, err := lockOpen(t.Context(), old, path); current || err != nil {
		t.Errorf("%v, %v", current, err)
	}
	f, err := lockFile(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if text, err := readAll(f, 10); string(text) != "new" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

// While another daemon holds the lock Update waits, and gives up with its
// context; the file stays as it was.
func TestUpdateWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), ObjectFile)
	write(t, path, "{}\n")
	other, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(other.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	tired := errors.New("tired")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(tired)
	if err := Update(ctx, path, map[string]any{"a": 1}); !errors.Is(err, tired) || !strings.Contains(err.Error(), path) {
		t.Errorf("%v", err)
	}
	done := make(chan error)
	go func() { done <- Update(t.Context(), path, map[string]any{"a": 1}) }()
	other.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(path); string(text) != "{\"a\": 1}\n" {
		t.Errorf("%q", text)
	}
}

// What is no JSON is made anew; what is JSON of another kind, or too large, is
// somebody else's and left alone.
func TestUpdateOfAnything(t *testing.T) {
	for _, test := range []struct{ name, before, after, err string }{
		{"nothing", "", `{"a": 1}` + "\n", ""},
		{"rubbish", "rubbish\n", `{"a": 1}` + "\n", ""},
		{"a first line only", "{\"b\": 2}\n{\"c\": 3}\n", `{"a": 1, "b": 2}` + "\n", ""},
		{"indented", "{\n\"b\": 2}\n", `{"a": 1}` + "\n", ""},
		{"a list", "[1]\n", "[1]\n", "left alone"},
		{"huge", strings.Repeat(" ", maxCache+1), strings.Repeat(" ", maxCache+1), "larger"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), ObjectFile)
			write(t, path, test.before)
			err := Update(t.Context(), path, map[string]any{"a": 1})
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("%v, want %q in it", err, test.err)
			}
			if text, _ := os.ReadFile(path); string(text) != test.after {
				t.Errorf("%.80q", text)
			}
			alone(t, path)
		})
	}
	if err := Update(t.Context(), filepath.Join(t.TempDir(), "gone", ObjectFile), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}
