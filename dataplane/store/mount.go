package store

// IsMount tells a mounted device from an empty mount point, without opening
// either; see isMount.
func IsMount(path string) bool { return isMount(path) }
