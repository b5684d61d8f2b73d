// Package recon answers what swift-recon asks a storage node, and shares the
// cache files that Swift's daemons leave their figures in.
//
//	GET /recon/<check>[/<type>] ──▶ Recon.Answer ──▶ JSON
//	    mem load mounted sockstat time           /proc
//	    devices unmounted diskusage quarantined  <devices>
//	    ringmd5 swiftconfmd5                     <swift_dir>
//	    replication async updater auditor        <recon_cache_path>/object.recon,
//	    expirer reconstruction driveaudit …      written by daemons
//
//	a daemon ── Update ──▶ object.recon: locked, read, merged, replaced
//
// Each daemon of a node knows some keys of a cache file and keeps its hands off
// the others. Nothing is answered that Swift's middleware would not answer with
// the same keys; what could not be read is null there, as in Swift. Everything
// read is bounded: files, listings, lines.
//
// The package must not know HTTP. Source: swift/common/middleware/recon.py;
// dump_recon_cache of swift/common/utils.
package recon
