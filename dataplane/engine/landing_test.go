package engine

import (
	"crypto/md5"
	"hash"
	"testing"
)

// stuck is a disk, or a digest, that is behind for as long as it is not let go.
type stuck struct {
	hash.Hash
	let chan struct{}
}

func (s stuck) WriteAt(p []byte, _ int64) (int, error) { <-s.let; return len(p), nil }
func (s stuck) Write(p []byte) (int, error)            { <-s.let; return len(p), nil }

// prompt is a digest that tells of each piece.
type prompt struct {
	hash.Hash
	had chan struct{}
}

func (p prompt) Write(b []byte) (int, error) { p.had <- struct{}{}; return len(b), nil }

// While the disk is behind, a body has the few buffers that keep it busy; while its
// digest is, as many as the pool can spare, and as it has use for.
func TestLandingRunsAheadOfItsDigestOnly(t *testing.T) {
	const bytes = 64 << 20
	for name, row := range map[string]struct {
		digest func(let chan struct{}) hash.Hash
		count  int // of the pool
		want   int
	}{
		"nothing to digest":             {nil, 100, landingDepth},
		"a prompt digest":               {func(chan struct{}) hash.Hash { return prompt{md5.New(), make(chan struct{}, landingAhead)} }, 100, landingDepth},
		"a digest behind":               {func(let chan struct{}) hash.Hash { return stuck{md5.New(), let} }, 100, landingAhead},
		"a digest behind, a small pool": {func(let chan struct{}) hash.Hash { return stuck{md5.New(), let} }, 16, 8},
	} {
		t.Run(name, func(t *testing.T) {
			pool, let := newPool(t, row.count), make(chan struct{})
			var digests []hash.Hash
			if row.digest != nil {
				digests = append(digests, row.digest(let))
			}
			l := startLanding(pool, pool.TryGet(), bytes, stuck{let: let}, digests)
			go l.runWriter()
			for range landingDepth {
				l.handOver(l.next())
				if len(digests) > 0 {
					if p, is := digests[0].(prompt); is {
						<-p.had
					}
				}
			}
			for b := l.another(); b != nil; b = l.another() {
				l.lease(b)
				l.handOver(l.next())
			}
			if l.leases != row.want {
				t.Errorf("%d buffers are held, want %d", l.leases, row.want)
			}
			close(let)
			l.end()
			if err := l.Wait(); err != nil {
				t.Error(err)
			}
			if n := pool.InUse(); n != 0 {
				t.Errorf("%d buffers are still out", n)
			}
		})
	}
}
