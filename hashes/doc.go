// Package hashes knows the words that Swift leaves on a disk.
//
// It does no I/O: names and bytes come in, names and bytes go out. The floor
// above lists directories, reads xattrs, takes locks and renames files.
//
// An object's name becomes a place:
//
//	/a/c/o ── md5(prefix /a/c/o suffix) ──▶ df49ee409148dfec4ff8451914278f80   the hash
//	                                        └──┬───┘                     └┬┘
//	                           partition = the first bits                suffix
//
//	<device>/objects[-N]/<partition>/<suffix>/<hash>/<timestamp>.data|.meta|.ts
//	                     └ hashes.pkl, hashes.invalid
//
// Words used here:
//
//	secret      the prefix and suffix of swift.conf; with another one every
//	            object of a node would be in the wrong place
//	policy      how a data directory is kept: replicated, or erasure coded
//	file        one name of a hash directory, taken apart ([ParseFile])
//	choice      which of those names make up the object now, and which may go
//	            ([Choose])
//	digest      MD5 over the choices of a suffix; two nodes compare digests
//	            before they compare objects ([SuffixDigest], [Digests], [PartitionHashes])
//	metadata    an object's headers, a pickle in an xattr ([Metadata])
//	pickle      Python's serialisation; the writer gives the bytes of CPython's
//	            protocol 2, the reader knows a fixed set of opcodes, bounds
//	            every size and never executes anything ([Unpickle])
package hashes
