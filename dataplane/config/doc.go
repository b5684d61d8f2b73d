// Package config reads Swift's object-server.conf, as an operator wrote it for
// Python.
//
//	Read ──▶ Input ── Parse ──▶ File ── Resolve ──▶ Resolved: Settings, and
//	(disk)   texts              views   + flags      what to tell the operator
//
// Swift reads one file in two ways, and the room keeps both:
//
//	PasteDeploy   the server. [DEFAULT] counts before a plain key of
//	              [app:object-server], which is left aside where [DEFAULT] has
//	              the key too; "set key = value" counts before both. Keys keep
//	              their case.
//	readconf      the daemons. A section's keys count before [DEFAULT]'s, as one
//	              expects; keys in lower case.
//
// The keys themselves are rows of one table ([Keys]): where a key stands, its
// default, what values it takes, which flag wins over it and what ringsyncd
// does with it. KEYS.md is written from that table, and a test holds it against
// the keys that an installed Swift really reads.
//
// Words used here:
//
//	view      what one part of Swift sees of the file, key by key
//	key       a row of the table
//	setting   a key's typed value, a field of [Settings]
//	origin    where a setting comes from: default, file or flag, in that order
//
// Only [Read] touches a disk.
package config
