package main

import (
	"path/filepath"
	"strings"
)

// swiftReplicator is the name under which Swift's tools start a replicator: a
// symlink to ringsync of that name is one.
const swiftReplicator = "swift-object-replicator"

// asSwift turns the arguments of swift-object-replicator into those of replicate:
//
//	swift-object-replicator CONFIG [once] [-o] [-v] [-d DEVICES] [-p PARTITIONS] [-i POLICIES]
//
// Under any other name they stay what they are. As in Swift the lists count with
// once only. Source: bin/swift-object-replicator; daemon.py, parse_options.
func asSwift(arguments []string) []string {
	if filepath.Base(arguments[0]) != swiftReplicator {
		return arguments[1:]
	}
	args, once := []string{"replicate"}, false
	var lists []string
	long := map[string]string{"-d": "--devices", "-p": "--partitions", "-i": "--policies"}
	for rest := arguments[1:]; len(rest) > 0; rest = rest[1:] {
		word := rest[0]
		name, value, joined := strings.Cut(word, "=")
		if flag := long[word[:min(2, len(word))]]; flag != "" {
			name, value, joined = flag, word[2:], len(word) > 2
		}
		switch {
		case word == "once" || word == "-o" || word == "--once":
			once = true
		case name == "--devices" || name == "--partitions" || name == "--policies":
			if !joined && len(rest) > 1 {
				rest = rest[1:]
				value = rest[0]
			}
			lists = append(lists, name+"="+value)
		default:
			args = append(args, word)
		}
	}
	if once {
		args = append(append(args, "--once"), lists...)
	}
	return args
}
