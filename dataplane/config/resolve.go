package config

import (
	"cmp"
	"errors"
	"fmt"
)

// Source is where a setting comes from; a later one counts before an earlier.
type Source int

// The sources.
const (
	FromDefault Source = iota
	FromFile
	FromFlag
)

// Resolved are settings, and what an operator should be told about them.
type Resolved struct {
	Settings
	Told

	sources map[string]Source
}

// Source tells where the setting of a key comes from; a key of the replicator
// is named "object-replicator interval".
func (r *Resolved) Source(key string) Source { return r.sources[key] }

func (k *Key) id() string {
	if k.part == replicator {
		return sectionReplicator + " " + k.Name
	}

	return k.Name
}

// ValueError is a value that a key does not take.
type ValueError struct {
	Where string // /etc/swift/object-server.conf, line 12: [DEFAULT] bind_port
	Value string
	Want  string
}

// Error quotes the value and says what is wanted.
func (e *ValueError) Error() string {
	return fmt.Sprintf("%s = %.128q: %s is expected", e.Where, e.Value, e.Want)
}

// Resolve finds each key's setting: its default, or what the file says ([DEFAULT]
// and the section as f has put them together), or what a flag says that was
// given. This is the one place where that is decided. A nil file has nothing;
// flags go by their name. All that is wrong is told at once.
func Resolve(f *File, flags map[string]string) (*Resolved, error) {
	r := &Resolved{sources: map[string]Source{}}

	var wrong []error
	told := map[string]bool{} // a value of [DEFAULT] may be read by two keys
	for _, k := range table(&r.Settings) {
		if err := r.resolve(&k, f, flags); err != nil && !told[err.Error()] {
			told[err.Error()] = true
			wrong = append(wrong, err)
		}
	}
	r.settle()
	if f != nil {
		r.Replicator.Configured = f.views[replicator] != nil
		r.Told = f.tell()
		wrong = append(wrong, r.refusals(f)...)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}

	return r, nil
}

// resolve finds the setting of one key.
func (r *Resolved) resolve(k *Key, f *File, flags map[string]string) error {
	text, source, where := k.FlagDefault(), FromDefault, "the default"
	if v, ok := f.value(k); ok {
		text, source, where = v.text, FromFile, v.at.String()
	}
	flag, given := flags[k.Flag]
	if given && k.Flag != "" {
		text, source, where = flag, FromFlag, "--"+k.Flag
	}

	r.sources[k.id()] = source
	if source == FromDefault && text == "" {
		return nil
	}
	if !k.set(text, source == FromFlag) {
		return &ValueError{where, text, k.wanted(source == FromFlag)}
	}

	return nil
}

// value returns what the file says to a key.
func (f *File) value(k *Key) (value, bool) {
	if f == nil {
		return value{}, false
	}
	v, ok := f.views[k.part][k.Name]

	return v, ok && !(k.or && v.text == "")
}

// settle decides between old and new forms of a key, and evens out numbers that
// mean the same.
func (r *Resolved) settle() {
	// Source: diskfile.py, BaseDiskFileManager.__init__.
	if r.Source("replication_concurrency_per_device") == FromDefault && r.Source("replication_one_per_device") == FromFile {
		r.PerDevice = 0
		if r.oneDevice {
			r.PerDevice = 1
		}
	}

	// Source: replicator.py, ObjectReplicator.__init__.
	if r.Source("object-replicator interval") == FromDefault && r.runPause > 0 {
		r.Replicator.Interval = r.runPause
	}

	// Without a section of its own, or beside a flag, the replicator is who the server is.
	section := r.Source("object-replicator bind_ip") == FromFile || r.Source("object-replicator bind_port") == FromFile
	switch {
	case r.Source("bind_port") == FromFlag || !section:
		r.Replicator.BindIP, r.Replicator.BindPort = r.BindIP, r.BindPort
		r.Replicator.RingIP = cmp.Or(r.Replicator.RingIP, r.ringIP)
	case r.replicatorServers > 0:
		r.Replicator.BindPort = 0
	}

	// Swift looks at the threshold only after a failure, so 1 is as good as any
	// smaller number, and clearer.
	r.FailureThreshold = max(r.FailureThreshold, 1)
}

// refusals are settings with which ringsyncd cannot stand in the place of the
// server that the file is for.
func (r *Resolved) refusals(f *File) (wrong []error) {
	refuse := func(bad bool, p part, key, reason string) {
		if v := f.views[p][key]; bad {
			wrong = append(wrong, fmt.Errorf("%s = %.64q: %s", v.at, v.text, reason))
		}
	}

	refuse(r.servers > 0 && r.Source("bind_ip") != FromFlag, wsgi, "servers_per_port",
		"ringsyncd listens on one address, not on every port that the ring has for this node; name it with --listen")
	refuse(r.certificate != "", wsgi, "cert_file", "ringsyncd speaks no TLS")
	refuse(r.proxyProtocol, wsgi, "require_proxy_protocol", "ringsyncd knows no PROXY protocol")
	refuse(!r.ReplicationServer, app, "replication_server",
		"this is the file of a server that answers clients only; ringsyncd takes the replication server's")

	return wrong
}
