// Package cores says how many goroutines may run at once.
package cores

import (
	"os"
	"runtime"
)

// Use lets as many goroutines again run as there are processors: a thread that waits
// for a disk holds one of the runtime's places until the scheduler notices, and digests
// would idle meanwhile. On two cores this gave 64 MiB bodies that arrived a tenth to a
// fifth more. GOMAXPROCS in the environment has the last word.
func Use() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	}
}
