package peertest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/bench/peer/peertest"
)

// stranger is a test on a machine where no interpreter can run. What becomes of
// it is noted, and ends it as it would end a test.
type stranger struct {
	testing.TB
	ctx     context.Context
	outcome string
}

func (s *stranger) Helper()                  {}
func (s *stranger) Context() context.Context { return s.ctx }
func (s *stranger) Skip(args ...any)         { s.end("skipped: " + fmt.Sprint(args...)) }
func (s *stranger) Fatalf(format string, args ...any) {
	s.end("failed: " + fmt.Sprintf(format, args...))
}

func (s *stranger) end(outcome string) {
	s.outcome = outcome
	panic(s)
}

// Where there is no Swift a test is skipped with a sentence that says what to
// install; where one was promised, it fails with the same.
func TestRequireWithoutAny(t *testing.T) {
	for promised, want := range map[string]string{"1": "failed: REQUIRE_SWIFT=1, but ", "": "skipped: ", "0": "skipped: "} {
		t.Run("REQUIRE_SWIFT="+promised, func(t *testing.T) {
			t.Setenv("REQUIRE_SWIFT", promised)
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			s := &stranger{TB: t, ctx: ended}
			func() {
				defer func() {
					if r := recover(); r != nil && r != any(s) {
						panic(r)
					}
				}()
				swift := peertest.Require(s)
				t.Errorf("it went on with %+v", swift)
			}()
			if !strings.HasPrefix(s.outcome, want) || !strings.Contains(s.outcome, "apt-get install swift-object") {
				t.Errorf("%q, want %q and what to install", s.outcome, want)
			}
		})
	}
}
