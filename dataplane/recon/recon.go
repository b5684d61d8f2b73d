package recon

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/proto"
)

// Config says what is looked at. Zero values mean the defaults; the keys of
// object-server.conf are named.
type Config struct {
	Devices   string          // devices; required
	SwiftDir  string          // swift_dir: swift.conf and the rings; /etc/swift
	CachePath string          // recon_cache_path; /var/cache/swift
	Policies  []hashes.Policy // whose rings are summed
	Version   string          // the answer to /recon/version
	Proc      string          // tests only; /proc
}

// Defaults of Swift.
const (
	DefaultSwiftDir  = "/etc/swift"
	DefaultCachePath = "/var/cache/swift"
)

// Recon answers /recon/ requests. It keeps nothing, and many may ask at once.
type Recon struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Recon, error) {
	if cfg.Devices == "" {
		return nil, errors.New("recon: a devices directory is needed")
	}
	setDefault(&cfg.SwiftDir, DefaultSwiftDir)
	setDefault(&cfg.CachePath, DefaultCachePath)
	setDefault(&cfg.Version, "unknown")
	setDefault(&cfg.Proc, "/proc")
	return &Recon{cfg: cfg}, nil
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// Answer is an answer of Recon. Err is what an operator should know of it: the
// body says null, or less, in that place.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
	Err         error
}

// Answer answers a request's target, "/recon/…", whatever its method. Source:
// recon.py, ReconMiddleware.GET.
func (r *Recon) Answer(target string) Answer {
	target, _, _ = strings.Cut(target, "?")
	path, err := proto.Unquote(target)
	if err != nil {
		return notFound(target)
	}
	words := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 3)
	if len(words) < 2 {
		return notFound(path)
	}
	check := question{name: words[1]}
	if len(words) == 3 {
		check.kind, check.hasKind = words[2], true
	}
	content, known, err := r.look(check)
	switch {
	case !known:
		return notFound(path)
	case content == nil:
		return Answer{http.StatusInternalServerError, "text/plain", []byte("Internal server error."), err}
	}
	return Answer{http.StatusOK, "application/json", appendJSON(nil, content), err}
}

// notFound quotes the path as Swift does, which also bounds its bytes to what
// a terminal takes.
func notFound(path string) Answer {
	return Answer{http.StatusNotFound, "text/plain", proto.AppendQuoted([]byte("Invalid path: "), path), nil}
}

// question is the path below /recon/: a check and, with some, a type.
type question struct {
	name, kind string
	hasKind    bool
}

// look finds out what is asked for. No content means that it failed.
func (r *Recon) look(q question) (content any, known bool, err error) {
	known = true
	switch q.name {
	case "mem":
		content, err = r.mem()
	case "load":
		content, err = r.load()
	case "mounted":
		content, err = r.mounted()
	case "sockstat":
		content, err = r.sockstat()
	case "time":
		content = float64(time.Now().UnixMicro()) / 1e6
	case "version":
		content = map[string]any{"version": r.cfg.Version}
	case "devices":
		content, err = r.devices()
	case "unmounted":
		content, err = r.unmounted()
	case "diskusage":
		content, err = r.diskusage()
	case "quarantined":
		content, err = r.quarantined()
	case "ringmd5":
		content, err = r.ringMD5()
	case "swiftconfmd5":
		content, err = r.swiftConfMD5()
	default:
		return r.lookInCache(q)
	}
	return content, known, err
}

// lookInCache answers from the cache files that daemons write.
func (r *Recon) lookInCache(q question) (content any, known bool, err error) {
	file, keys := cached(q)
	if file == "" {
		return nil, false, nil
	}
	path := filepath.Join(r.cfg.CachePath, file)
	found, err := Read(path)
	if err != nil {
		err = fmt.Errorf("recon cache %s: %w", path, err)
	}
	picked := map[string]any{}
	for _, key := range keys {
		picked[key] = found[key]
	}
	return picked, true, err
}
