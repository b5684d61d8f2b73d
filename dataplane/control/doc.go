// Package control holds the switches of deliberate bugs. Each undoes one promise,
// and a test named in .ci/controls has to notice: a test that nothing can make
// fail shows nothing.
//
// Without the build tag "controls" Enabled is the constant false, every use reads
//
//	if control.Enabled && control.Is(control.FsyncLeftOut) { … }
//
// and the compiler leaves the branch out: a release holds neither the bugs nor
// their names. With it, RINGSYNC_CONTROL names the bug that is on.
package control

// The bugs.
const (
	FsyncLeftOut    = "fsync left out"                 // files get their names before their bytes are durable
	LinkBeforeFsync = "link before fsync"              // and are fsynced only afterwards
	DirErrorIgnored = "directory fsync error ignored"  // as Swift does
	SuffixNotNoted  = "hashes.invalid left out"        // a change that no digest tells of
	LockNotTaken    = "lock not taken"                 // of a partition, for a session
	DigestIgnored   = "digest ignored"                 // a body is stored whatever its MD5
	StoredIgnored   = "stored digest ignored"          // a body is stored whatever its announced xxhash64
	UncheckedForgot = "unchecked body not marked"      // a later session takes it for held
	EarlyAnswer     = "early answer"                   // the updates are confirmed before they are durable
	WantedCutShort  = "wanted list cut short"          // the last wanted line is not said
	NotSettled      = "young object taken for durable" // another writer may not have come to his fsyncs

	RemovedUnproven  = "removed before the proof" // what a peer was offered, whatever came of it
	TimesNotCompared = "times not compared"       // an object that changed since its proof is removed
	TreeRemoved      = "whole tree removed"       // as Swift does
	RevertNotLocked  = "revert not locked"        // a session comes in while copies are removed
	RemovalNotNoted  = "removal left out of hashes.invalid"

	ProofsTooFew = "removed before enough have it" // a handoff's object, with one primary fewer than there must be
)
