package medium

import "testing"

// The mount of a path is the innermost one above it; options are told once.
func TestMountOf(t *testing.T) {
	const mountinfo = `21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 21 0:26 / /mnt rw,noatime - tmpfs none rw,size=1k
31 30 7:1 / /mnt/with\040blank rw,noatime - xfs /dev/loop1 rw,attr2,inode64
32 21 0:27 / /mntx rw - tmpfs other rw
garbage - x
33 21
`
	for path, want := range map[string]mount{
		"/etc":                {"/", "ext4", "/dev/vda", "rw,relatime,discard"},
		"/mnt":                {"/mnt", "tmpfs", "none", "rw,noatime,size=1k"},
		"/mnt/with blank/dir": {"/mnt/with blank", "xfs", "/dev/loop1", "rw,noatime,attr2,inode64"},
		"/mntx":               {"/mntx", "tmpfs", "other", "rw"},
		"/mnty":               {"/", "ext4", "/dev/vda", "rw,relatime,discard"},
	} {
		if got, ok := mountOf(path, mountinfo); !ok || got != want {
			t.Errorf("%s is on %+v, %v", path, got, ok)
		}
	}
	if _, ok := mountOf("/etc", "garbage"); ok {
		t.Error("found in garbage")
	}
}
