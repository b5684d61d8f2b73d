package replicator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
	"github.com/ringsync/ringsync/proto"
)

// maxDigests bounds an answer to REPLICATE: 4,096 suffixes take 240 kB in
// protocol 2, and not twice that in Python 2's protocol 0.
const maxDigests = 1 << 20

// statusError is an answer to REPLICATE other than 200.
type statusError struct{ Status int }

func (e *statusError) Error() string { return fmt.Sprintf("REPLICATE is answered by %d", e.Status) }

// asker asks other nodes for the digests of a partition.
type asker struct {
	client *http.Client
	wait   time.Duration
}

func newAsker(cfg Config) *asker {
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, cfg.Sender.ConnTimeout)
		defer cancel()
		return cfg.Dialer(ctx, address)
	}
	return &asker{wait: cfg.Sender.HTTPTimeout, client: &http.Client{
		// No proxy, no redirection, no connection kept: a node is asked by its
		// address in the ring and answers itself.
		Transport:     &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// digests asks a device for a partition's digests: REPLICATE /device/partition. A
// digest that the peer could not compute is "". Source: replicator.py, update.
func (a *asker) digests(ctx context.Context, to *ring.Device, policy hashes.Policy, partition uint32) (map[proto.Suffix]string, error) {
	if err := store.ValidDeviceName(to.Name); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.wait, &ssync.TimeoutError{Wait: "digests", After: a.wait})
	defer cancel()
	at := url.URL{Scheme: "http", Host: to.ReplicationAddress(), Path: "/" + to.Name + "/" + strconv.FormatUint(uint64(partition), 10)}
	request, err := http.NewRequestWithContext(ctx, "REPLICATE", at.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "object-replicator "+strconv.Itoa(os.Getpid()))
	request.Header.Set("X-Backend-Storage-Policy-Index", strconv.Itoa(policy.Index))
	answer, err := a.client.Do(request)
	if err != nil {
		return nil, cause(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, &statusError{answer.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxDigests+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("digests: %w", cause(ctx, err))
	case len(body) > maxDigests:
		return nil, fmt.Errorf("digests: an answer of more than %d bytes", maxDigests)
	}
	digests, err := hashes.ParseReplicateAnswer(body)
	if err == nil && digests == nil {
		err = errors.New("digests: the answer is None")
	}
	return digests, err
}

// cause prefers why a context ended to what came of it.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// differing are the suffixes that a peer lacks or has otherwise, ascending. One
// that somebody could not hash always differs; what only the peer has is his to
// push.
func differing(here, there map[proto.Suffix]string) (suffixes []proto.Suffix) {
	for s, digest := range here {
		if digest == "" || digest != there[s] {
			suffixes = append(suffixes, s)
		}
	}
	slices.Sort(suffixes)
	return suffixes
}
