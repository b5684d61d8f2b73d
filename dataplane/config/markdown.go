package config

import (
	"fmt"
	"strings"
)

const markdownHead = `# Keys of object-server.conf

What ` + "`ringsyncd CONFIG`" + ` does with each key that Swift's object server and replicator read, from 2013 to
today. The file is read as Swift reads it: a key of [DEFAULT] counts before the same key of [app:object-server],
unless that is written ` + "`set key = value`" + `; in [object-replicator] the section's own key counts. A directory stands for
all ` + "`*.conf`" + ` in it, in the order of their names. A flag that is given counts before the file.

*as Swift*: the key does what it does in Swift. *no effect*: its value is checked, and that is all. *differs*: something
else happens, as said. A value that a key does not take is an error, also where Swift would quietly take another.
Unknown keys are named in one line of the log when ringsyncd starts. Filters and the pipeline's order have no effect:
/healthcheck is answered whether there is a filter for it or not. The sections of other daemons (object-auditor, -expirer,
-reconstructor, -relinker, -updater) are theirs, and other keys than those below have no effect in [object-replicator].

true, 1, yes, on, t and y, in any case, are true; every other word is false.
`

// AppendMarkdown appends the table of all keys, a chapter for each section.
func AppendMarkdown(dst []byte) []byte {
	dst = append(dst, markdownHead...)

	section := ""
	for _, k := range Keys() {
		if k.Section != section {
			section = k.Section
			dst = fmt.Appendf(dst, "\n## [%s]\n\n| key | Swift's default | value | ringsyncd | flag |\n|---|---|---|---|---|\n", section)
		}
		dst = k.appendRow(dst)
	}

	return dst
}

func (k *Key) appendRow(dst []byte) []byte {
	effect := k.Effect.String()
	if k.Note != "" {
		effect += ": " + k.Note
	}
	flag := ""
	if k.Flag != "" {
		flag = "`--" + k.Flag + "`"
	}

	return fmt.Appendf(dst, "| %s | %s | %s | %s | %s |\n", code(k.Name), code(k.Default), k.want, strings.ReplaceAll(effect, "|", `\|`), flag)
}

func code(text string) string {
	if text == "" {
		return ""
	}

	return "`" + text + "`"
}
