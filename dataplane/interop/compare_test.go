package interop_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/ringsync/ringsync/bench/peer"
)

// compare tells how two devices differ, as Swift reads them: a list of lines for
// each partition in which there is a difference, "" for what lies in none.
func compare(a, b *peer.Tree) map[string][]string {
	lines := map[string][]string{}
	keys := union(a.Objects, b.Objects)
	slices.SortStableFunc(keys, func(x, y string) int {
		return strings.Compare(a.Objects[x].Name+b.Objects[x].Name, a.Objects[y].Name+b.Objects[y].Name)
	})
	for _, key := range keys {
		partition, _, _ := strings.Cut(key, "/")
		lines[partition] = append(lines[partition], compareObjects(something(a.Objects[key]), something(b.Objects[key]))...)
	}
	for _, number := range union(a.Partitions, b.Partitions) {
		// Of objects that differ, so do the digests; that alone says nothing more.
		if len(lines[number]) == 0 && !maps.Equal(a.Partitions[number].Fresh, b.Partitions[number].Fresh) {
			lines[number] = append(lines[number], "digests: "+cmp.Diff(a.Partitions[number].Fresh, b.Partitions[number].Fresh))
		}
	}
	for _, path := range append(slices.Clone(a.Leftovers), b.Leftovers...) {
		lines[""] = append(lines[""], "left over: "+path)
	}
	maps.DeleteFunc(lines, func(_ string, l []string) bool { return len(l) == 0 })
	return lines
}

// something takes an empty directory, which a refused PUT of Swift's leaves behind,
// for what it is.
func something(o peer.Object) peer.Object {
	if o.State == peer.StateAbsent && len(o.Files) == 0 {
		return peer.Object{}
	}
	return o
}

func union[V any](a, b map[string]V) []string {
	keys := maps.Clone(a)
	if keys == nil {
		keys = map[string]V{}
	}
	maps.Copy(keys, b)
	return slices.Sorted(maps.Keys(keys))
}

// compareObjects tells in which facts two objects differ. What is merged or
// encoded from others is left out where those differ already.
func compareObjects(a, b peer.Object) []string {
	name := a.Name
	if name == "" {
		name = b.Name
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	switch {
	case a.State == "" && b.State == "":
		return nil
	case a.State == "":
		return []string{fmt.Sprintf("%q: %s, only in the second", name, b.State)}
	case b.State == "":
		return []string{fmt.Sprintf("%q: %s, only in the first", name, a.State)}
	}
	var lines []string
	add := func(what string, a, b any) {
		if !cmp.Equal(a, b) {
			lines = append(lines, fmt.Sprintf("%q: %s: %+q is %+q", name, what, a, b))
		}
	}
	add("state", a.State, b.State)
	add("error", a.Error, b.Error)
	add("name", a.Name, b.Name)
	add("times", []string{a.DataTS, a.TS, a.CTypeTS}, []string{b.DataTS, b.TS, b.CTypeTS})
	add("files", a.Files, b.Files)
	if a.State != b.State {
		return lines // all else follows from that
	}
	add("body", []any{a.MD5, a.Size}, []any{b.MD5, b.Size})
	for _, key := range union(a.DataMetadata, b.DataMetadata) {
		add(fmt.Sprintf("%+q", key), a.DataMetadata[key], b.DataMetadata[key])
	}
	for _, key := range union(a.MetaMetadata, b.MetaMetadata) {
		add(fmt.Sprintf(".meta %+q", key), a.MetaMetadata[key], b.MetaMetadata[key])
	}
	if len(lines) == 0 {
		add("metadata", a.Metadata, b.Metadata)
		add("stored", a.Stored, b.Stored)
	}
	return lines
}
