package replicator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/ringsync/ringsync/dataplane/ssync"
	"github.com/ringsync/ringsync/dataplane/store"
	"github.com/ringsync/ringsync/hashes"
	"github.com/ringsync/ringsync/hashes/ring"
	"github.com/ringsync/ringsync/proto"
	"github.com/valyala/bytebufferpool"
)

// statusError is an answer to REPLICATE other than 200.
type statusError struct{ Status int }

func (e *statusError) Error() string { return fmt.Sprintf("REPLICATE is answered by %d", e.Status) }

// question is REPLICATE /device/partition.
func question(to *ring.Device, policy hashes.Policy, partition uint32) ([]byte, error) {
	if err := store.ValidDeviceName(to.Name); err != nil {
		return nil, err
	}
	return proto.AppendRequestHead(nil, proto.RequestHead{
		Method: "REPLICATE",
		Target: "/" + to.Name + "/" + strconv.FormatUint(uint64(partition), 10),
		Minor:  1,
		Headers: []proto.Header{
			{Name: "Host", Value: to.ReplicationAddress()},
			{Name: "Connection", Value: "keep-alive"},
			{Name: "User-Agent", Value: "object-replicator " + strconv.Itoa(os.Getpid())},
			{Name: "X-Backend-Storage-Policy-Index", Value: strconv.Itoa(policy.Index)},
		},
	}), nil
}

// digests asks a device for a partition's digests, or waits for what it answers to a
// question that has been put before; nil: none. A digest that the peer could not
// compute is not known. Source: replicator.py, update.
func (a *asker) digests(ctx context.Context, asked *line, to *ring.Device, policy hashes.Policy, partition uint32) (hashes.Digests, error) {
	request, err := question(to, policy, partition)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.wait, &ssync.TimeoutError{Wait: "digests", After: a.wait})
	defer cancel()
	body := bytebufferpool.Get()
	defer bytebufferpool.Put(body)
	if body.B, err = a.ask(ctx, asked, to.ReplicationAddress(), request, body.B); err != nil {
		return nil, cause(ctx, err)
	}
	digests, err := hashes.ParseReplicateAnswer(body.B)
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
