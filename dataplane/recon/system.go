package recon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// mem is /proc/meminfo, each line a key. Source: recon.py, get_mem.
func (r *Recon) mem() (any, error) {
	text, err := r.proc("meminfo")
	if err != nil {
		return nil, err
	}
	return parseMem(text), nil
}

func parseMem(text string) map[string]any {
	mem := map[string]any{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			mem[name] = strings.TrimSpace(value)
		}
	}
	return mem
}

// load is /proc/loadavg. Source: recon.py, get_load.
func (r *Recon) load() (any, error) {
	text, err := r.proc("loadavg")
	if err != nil {
		return nil, err
	}
	load, err := parseLoad(text)
	if err != nil {
		return nil, fmt.Errorf("loadavg %.64q: %w", text, err)
	}
	return load, nil
}

// parseLoad reads "0.00 0.01 0.05 1/123 4567".
func parseLoad(text string) (load map[string]any, err error) {
	words := strings.Fields(text)
	if len(words) != 5 {
		return nil, errors.New("five words expected")
	}
	load = map[string]any{"tasks": words[3]}
	for i, key := range []string{"1m", "5m", "15m"} {
		if load[key], err = strconv.ParseFloat(words[i], 64); err != nil {
			return nil, err
		}
	}
	load["processes"], err = strconv.ParseInt(words[4], 10, 64)
	return load, err
}

// mounted is /proc/mounts, names quoted as the kernel quotes them. Source:
// recon.py, get_mounted.
func (r *Recon) mounted() (any, error) {
	text, err := r.proc("mounts")
	if err != nil {
		return nil, err
	}
	return parseMounts(text), nil
}

func parseMounts(text string) []any {
	mounts := []any{}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) == 6 {
			mounts = append(mounts, map[string]any{"device": words[0], "path": words[1]})
		}
	}
	return mounts
}

// sockstat is what /proc/net/sockstat and sockstat6 say of TCP; one that is not
// there says nothing. Memory is in pages there. Source: recon.py,
// get_socket_info.
func (r *Recon) sockstat() (any, error) {
	stat := map[string]any{}
	for _, file := range []string{"net/sockstat", "net/sockstat6"} {
		text, err := r.proc(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		addSockstat(stat, text)
	}
	return stat, nil
}

// addSockstat adds the line "TCP: inuse 5 orphan 0 tw 0 alloc 7 mem 1", and
// "TCP6: inuse 1".
func addSockstat(stat map[string]any, text string) {
	known := map[string]map[string]string{
		"TCP:":  {"inuse": "tcp_in_use", "orphan": "orphan", "tw": "time_wait", "mem": "tcp_mem_allocated_bytes"},
		"TCP6:": {"inuse": "tcp6_in_use"},
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		for i := 1; i+1 < len(words); i += 2 {
			key := known[words[0]][words[i]]
			n, err := strconv.ParseInt(words[i+1], 10, 64)
			if key == "" || err != nil {
				continue
			}
			if words[i] == "mem" {
				n *= int64(os.Getpagesize())
			}
			stat[key] = n
		}
	}
}

func (r *Recon) proc(file string) (string, error) {
	data, err := readFile(r.cfg.Proc+"/"+file, maxProc)
	return string(data), err
}
