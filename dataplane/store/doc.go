// Package store keeps Swift objects on disks: the same directories, file
// names, xattrs and locks as Swift's diskfile.py, beside Python processes that
// use the same disk at the same time.
//
//	<devices>/<device>/                 Device: held open by one descriptor, every
//	    objects[-<policy>]/             path below it is relative to that
//	        <partition>/                Partition: .lock-replication, digests
//	            .lock                   held while hashes.* change and names appear
//	            hashes.pkl hashes.invalid
//	            <suffix>/<hash>/        Object: one .data, .meta or .ts, or some
//	    quarantined/objects[-<policy>]/ what could not be trusted
//	    tmp[-<policy>]/                 names on their way, never seen by readers
//
// A Writer is a file without a name. Commit publishes a group of them, and
// answers for each one only when it is durable:
//
//	data, xattrs → fsync of each file, side by side
//	.lock taken → suffixes appended to hashes.invalid, fsynced → link → .lock released
//	fsync of each directory on the way to the names, side by side
//	files made obsolete are removed
//
// So a name never exists before its bytes are durable, and a digest that
// hashes.pkl calls valid never misses a visible file: nobody can compute one
// between the invalidation and the link, because both need .lock.
//
// Remove goes the other way, for a handoff's copies that peers have proven to hold.
// Nothing else here removes what counts:
//
//	.lock-replication held → .lock taken → the files are those that were proven
//	suffixes appended to hashes.invalid, fsynced → .data or .ts unlinked, fsynced, then .meta
//	empty directories removed, all of it fsynced → .lock released
//	no suffix left: hashes.pkl, fsynced, hashes.invalid, lock files, the partition
//
// Every call on a file system goes through fs.go, where a Witness may stand: a
// fault injector or a crash journal in tests. The package must not know the
// wire (ssync), and it does not log: what an operator should hear about comes
// back as an error or through Config.Notice.
package store
