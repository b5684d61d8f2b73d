package medium_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/bench/medium"
)

// open makes a volume, or skips the test with the reason why there is none.
func open(t *testing.T, name string) *medium.Volume {
	t.Helper()
	m, err := medium.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	v, err := m.Open(t.Context(), 64<<20)
	if unavailable, ok := errors.AsType[*medium.UnavailableError](err); ok {
		t.Skip(unavailable)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Each medium is a directory that can be written to, says what it is, and is
// gone when it is closed, with all that was in it.
func TestMedia(t *testing.T) {
	for name, want := range map[string]string{"dir:/dev/shm": "tmpfs on", "tmpfs": "tmpfs on", "xfs": "xfs on /dev/loop"} {
		t.Run(name, func(t *testing.T) {
			v := open(t, name)
			if err := os.WriteFile(filepath.Join(v.Dir, "file"), make([]byte, 1<<20), 0o644); err != nil {
				t.Error(err)
			}
			if err := v.Sync(); err != nil {
				t.Error(err)
			}
			if !strings.HasPrefix(v.About, want) {
				t.Errorf("it says %q", v.About)
			}
			device := strings.TrimSuffix(strings.Fields(v.About)[2], ",")
			if err := v.Close(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(v.Dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s after Close: %v", v.Dir, err)
			}
			if name == "xfs" {
				wantDetached(t, device)
			}
		})
	}
}

func wantDetached(t *testing.T, device string) {
	t.Helper()
	if out, err := exec.Command("losetup", device).CombinedOutput(); err == nil && strings.Contains(string(out), "ringsync-bench-") {
		t.Errorf("still there: %s", out)
	}
	if images, _ := filepath.Glob("/var/tmp/ringsync-bench-*.xfs"); len(images) > 0 {
		t.Errorf("left behind: %v", images)
	}
}

// An image of any size can be had, also of one that is no whole sector.
func TestOddImage(t *testing.T) {
	m, err := medium.Parse("xfs")
	if err != nil {
		t.Fatal(err)
	}
	v, err := m.Open(t.Context(), 600<<20+1)
	if unavailable, ok := errors.AsType[*medium.UnavailableError](err); ok && os.Geteuid() != 0 {
		t.Skip(unavailable)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

// What is no medium is refused, and what can't be made leaves nothing.
func TestRefusals(t *testing.T) {
	for _, name := range []string{"", "dir", "dir:", "zfs", "xfs:/x"} {
		if m, err := medium.Parse(name); err == nil {
			t.Errorf("%q is %v", name, m)
		}
	}
	dir := t.TempDir()
	for name, bytes := range map[string]int64{"dir:" + filepath.Join(dir, "absent"): 1, "dir:" + dir: 1 << 60, "xfs": 1 << 60, "tmpfs": 1 << 60} {
		m, err := medium.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Open(t.Context(), bytes); !isUnavailable(err) {
			t.Errorf("%s of %d bytes: %v", name, bytes, err)
		}
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if c, err := medium.ParseCache("lukewarm"); err == nil {
		t.Error(c)
	}
}

func isUnavailable(err error) bool {
	_, ok := errors.AsType[*medium.UnavailableError](err)
	return ok
}

// Heating and forgetting reach every file, and a file that can't be read is told.
func TestHeat(t *testing.T) {
	v := open(t, "dir:/dev/shm")
	defer v.Close()
	nested := filepath.Join(v.Dir, "a", "b")
	if err := os.MkdirAll(nested, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(nested, "file"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := medium.Heat(v.Dir); err != nil {
		t.Error(err)
	}
	if err := medium.Heat(filepath.Join(v.Dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an absent directory: %v", err)
	}
}
