package recon

import "slices"

// The cache files, by who writes them. Source: swift/common/recon.py.
const (
	ObjectFile    = "object.recon"
	ContainerFile = "container.recon"
	AccountFile   = "account.recon"
	DriveFile     = "drive.recon"
	RelinkerFile  = "relinker.recon"
)

// cached names the cache file and the keys that a question is about; no file
// where it is none of Swift's. Source: recon.py, get_*_info.
func cached(q question) (file string, keys []string) {
	switch q.name {
	case "async":
		return ObjectFile, []string{"async_pending", "async_pending_last"}
	case "driveaudit":
		return DriveFile, []string{"drive_audit_errors"}
	case "sharding":
		return ContainerFile, []string{"sharding_stats", "sharding_time", "sharding_last"}
	case "relinker":
		return RelinkerFile, []string{"devices", "workers"}
	case "replication":
		return replicationKeys(q)
	case "reconstruction":
		return of(q, "object"), []string{"object_reconstruction_last", "object_reconstruction_time"}
	case "updater":
		return updaterKeys(q)
	case "auditor":
		return auditorKeys(q)
	case "expirer":
		return of(q, "object"), []string{"object_expiration_pass", "expired_last_pass"}
	}
	return "", nil
}

// of is the cache file of the type asked for, if that is one of those that the
// check is made of.
func of(q question, kinds ...string) string {
	if slices.Contains(kinds, q.kind) {
		return q.kind + ".recon"
	}
	return ""
}

// replicationKeys takes no type for objects: so it was asked before there were
// types.
func replicationKeys(q question) (string, []string) {
	keys := []string{"replication_time", "replication_stats", "replication_last"}
	if !q.hasKind {
		q.kind = "object"
	}
	if q.kind == "object" {
		keys = append(keys, "object_replication_time", "object_replication_last")
	}
	return of(q, "account", "container", "object"), keys
}

// updaterKeys has the statistics that Swift answers since 2.35.0.
func updaterKeys(q question) (string, []string) {
	if q.kind == "container" {
		return ContainerFile, []string{"container_updater_sweep"}
	}
	return of(q, "object"), []string{"object_updater_sweep", "object_updater_stats", "object_updater_last"}
}

func auditorKeys(q question) (string, []string) {
	if q.kind == "object" {
		return ObjectFile, []string{"object_auditor_stats_ALL", "object_auditor_stats_ZBF"}
	}
	return of(q, "account", "container"), []string{
		q.kind + "_audits_passed", q.kind + "_auditor_pass_completed", q.kind + "_audits_since", q.kind + "_audits_failed",
	}
}
