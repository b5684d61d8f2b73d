package peer

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// ErrMissing says that no Python on this machine can run Swift's object server.
var ErrMissing = errors.New(
	"no OpenStack Swift found; on Debian or Ubuntu: apt-get install swift-object python3-swift")

// Swift is an installed Swift and the interpreter it belongs to.
type Swift struct {
	Python  string // path of the interpreter
	Version string // of Swift, for instance "2.30.1"

	resident *resident // see Stay; nil: each helper imports Swift
}

// probe prints Swift's version if all that the helpers import can be found. It
// imports no more of Swift than its top, since the rest reads /etc/swift.
const probe = `
import importlib.util, sys, swift
wanted = ('swift.obj.server', 'swift.obj.ssync_sender', 'eventlet', 'xattr')
missing = [m for m in wanted if not importlib.util.find_spec(m)]
sys.exit('no module ' + ', '.join(missing)) if missing else print(swift.__version__)
`

// Find looks for a usable Swift: in /usr/bin/python3, which Debian's packages
// belong to, then in the python3 of $PATH. The error is ErrMissing, wrapped
// with what each interpreter said.
func Find(ctx context.Context) (*Swift, error) {
	var refusals []string
	for _, python := range []string{"/usr/bin/python3", "python3"} {
		version, err := versionIn(ctx, python)
		if err == nil {
			return &Swift{Python: python, Version: version}, nil
		}
		refusals = append(refusals, fmt.Sprintf("%s: %v", python, err))
	}
	return nil, fmt.Errorf("%w (%s)", ErrMissing, strings.Join(refusals, "; "))
}

func versionIn(ctx context.Context, python string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, python, "-B", "-c", probe).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%v: %.200q", err, lastLine(exit.Stderr))
	}
	return strings.TrimSpace(string(out)), err
}

// lastLine is the line that tells, at the end of a Python traceback.
func lastLine(text []byte) string {
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
