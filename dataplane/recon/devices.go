package recon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/ringsync/ringsync/dataplane/store"
	"golang.org/x/sys/unix"
)

// devices lists what lies in the devices directory, null where that can't be
// read. Source: recon.py, get_device_info.
func (r *Recon) devices() (any, error) {
	names, err := listNames(r.cfg.Devices)
	if err != nil {
		return map[string]any{r.cfg.Devices: nil}, err
	}
	return map[string]any{r.cfg.Devices: texts(names)}, nil
}

// unmounted lists the directories there that are no mounted device, whatever
// mount_check says. Source: recon.py, get_unmounted.
func (r *Recon) unmounted() (any, error) {
	names, err := r.directories()
	if err != nil {
		return nil, err
	}
	list := []any{}
	for _, name := range names {
		if !r.isMounted(name) {
			list = append(list, map[string]any{"device": name, "mounted": false})
		}
	}
	return list, nil
}

// diskusage tells size and use of each device in bytes. What is kept for root
// counts as used. Source: recon.py, get_diskusage; a device that can't say is
// told with its error, where Swift gives up on all of them.
func (r *Recon) diskusage() (any, error) {
	names, err := r.directories()
	if err != nil {
		return nil, err
	}
	list := []any{}
	var failures []error
	for _, name := range names {
		usage, err := r.usageOf(name)
		list = append(list, usage)
		failures = append(failures, err)
	}
	return list, errors.Join(failures...)
}

func (r *Recon) usageOf(name string) (map[string]any, error) {
	usage := map[string]any{"device": name, "mounted": false, "size": "", "used": "", "avail": ""}
	if !r.isMounted(name) {
		return usage, nil
	}
	path := filepath.Join(r.cfg.Devices, name)
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		err = &os.PathError{Op: "statfs", Path: path, Err: err}
		usage["mounted"] = err.Error()
		return usage, err
	}
	block := uint64(st.Bsize)
	usage["mounted"], usage["size"], usage["avail"] = true, block*st.Blocks, block*st.Bavail
	usage["used"] = block * (st.Blocks - st.Bavail)
	return usage, nil
}

// directories lists what is a directory, or leads to one, among the devices.
func (r *Recon) directories() ([]string, error) {
	names, err := listNames(r.cfg.Devices)
	if err != nil {
		return nil, err
	}
	dirs := names[:0]
	for _, name := range names {
		if st, err := os.Stat(filepath.Join(r.cfg.Devices, name)); err == nil && st.IsDir() {
			dirs = append(dirs, name)
		}
	}
	return dirs, nil
}

func (r *Recon) isMounted(name string) bool {
	return store.ValidDeviceName(name) == nil && store.IsMount(filepath.Join(r.cfg.Devices, name))
}

// quarantined counts what is put aside on all devices: each directory below
// quarantined/objects links back to it. Source: recon.py, get_quarantine_count;
// what is neither of objects, containers nor accounts is passed over.
func (r *Recon) quarantined() (any, error) {
	devices, err := listNames(r.cfg.Devices)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{"objects": 0, "containers": 0, "accounts": 0}
	policies := map[string]any{}
	var failures []error
	for _, device := range devices {
		dir := filepath.Join(r.cfg.Devices, device, "quarantined")
		kinds, err := listNames(dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			failures = append(failures, err)
		}
		for _, kind := range kinds {
			countQuarantined(counts, policies, kind, links(filepath.Join(dir, kind))-2)
		}
	}
	all := map[string]any{"policies": policies}
	for kind, n := range counts {
		all[kind] = n
	}
	return all, errors.Join(failures...)
}

func countQuarantined(counts map[string]int64, policies map[string]any, kind string, n int64) {
	if n <= 0 {
		return
	}
	if strings.HasPrefix(kind, "objects") {
		index := "0"
		if _, number, ok := strings.Cut(kind, "-"); ok {
			index = number
		}
		before, _ := policies[index].(map[string]any)
		sum, _ := before["objects"].(int64)
		policies[index] = map[string]any{"objects": sum + n}
		kind = "objects"
	}
	if _, ok := counts[kind]; ok {
		counts[kind] += n
	}
}

// links is a directory's number of links, 0 where there is none.
func links(path string) int64 {
	var st unix.Stat_t
	if unix.Lstat(path, &st) != nil {
		return 0
	}
	return int64(st.Nlink)
}

func texts(names []string) []any {
	list := make([]any, len(names))
	for i, name := range names {
		list[i] = name
	}
	return list
}
