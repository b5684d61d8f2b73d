// Package ini reads configuration files as Python's configparser does, which
// is what Swift reads its own with: swift.conf and object-server.conf.
//
//	[section]                what follows the last ']' is ignored
//	key = value              or key : value
//	  continued              deeper than its key: one more line of the value
//	# comment, ; comment     only as whole lines
//
// It is not left to a library because an object's place hangs on every byte of
// two values: ini libraries for Go give meaning to backquotes, triple quotes
// and Unicode blanks, and Python does not.
//
// Words used here:
//
//	file       what has been read, from one text or from several in turn; a key
//	           that a later text sets again has the later value
//	section    its keys in the order in which they came first
//	[DEFAULT]  the section whose values all others inherit
//	reference  %(key)s in a value: that key's value, of the same section
//	dialect    what a program has told Python's parser: see [Dialect]
//
// The texts are UTF-8. The room does no I/O, and does not know what any key
// means.
package ini
