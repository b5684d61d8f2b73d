package engine_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/buffer"
	"github.com/ringsync/ringsync/dataplane/engine"
	"github.com/ringsync/ringsync/dataplane/engine/enginetest"
	"github.com/ringsync/ringsync/dataplane/uring/uringtest"
)

func restrict() { uringtest.Restrict() }

// Where io_uring is forbidden or hidden, auto is sendfile, says why, and passes the
// suite; uring by name is refused with the same reason. With little memory to lock,
// uring passes it, or where not even a ring is to be had, auto does.
func TestRestricted(t *testing.T) {
	how := uringtest.Restricted()
	if how == "" {
		uringtest.Each(t, func(t *testing.T, how string) {
			parts := "/^file fails" // TestConformance plays the rest to sendfile
			if how == uringtest.Memlock {
				parts = "/^(same wire|file fails|direct)"
			}
			if os.Getenv("RINGSYNC_FULL") != "" {
				parts = ""
			}
			uringtest.Rerun(t, how, "^TestRestricted$"+parts, "RINGSYNC_ENGINE=auto")
		})
		return
	}
	name, why, err := engine.Choose("auto")
	if err != nil {
		t.Fatal(err)
	}
	t.Log(why)
	_, _, err = engine.Choose("uring")
	switch word := map[string]string{uringtest.Forbidden: "forbidden", uringtest.Hidden: "seccomp", uringtest.Memlock: "RLIMIT_MEMLOCK"}[how]; {
	case !strings.Contains(why, word):
		t.Errorf("auto is %q, want %q in it", why, word)
	case how == uringtest.Memlock && name == engine.Uring:
	case name != engine.Sendfile:
		t.Errorf("auto is %s, want sendfile", name)
	case err == nil || !strings.Contains(err.Error(), word):
		t.Errorf("uring by name: error %v, want %q in it", err, word)
	}
	enginetest.Run(t, func(p *buffer.Pool) (*engine.Engine, error) {
		return engine.New(engine.Config{Name: os.Getenv("RINGSYNC_ENGINE"), Pool: p})
	})
}
