package proto_test

import (
	"testing"

	"github.com/ringsync/ringsync/proto"
)

// TestNoAllocations holds for everything that is done for each object or each
// chunk of a session, errors aside.
func TestNoAllocations(t *testing.T) {
	buf := make([]byte, 4096)
	full := notDurable(offer(t, "1700000001_a", "1700000005_b", "1700000004_c"))
	wanted := proto.Wanted{Hash: full.Hash, Data: true, Meta: true}
	offerLine := proto.AppendOffer(nil, full)
	wantedLine := proto.AppendWanted(nil, wanted)
	internal, internalBytes := full.Data.Internal(), full.Data.AppendInternal(nil)
	stream := proto.AppendChunk(nil, make([]byte, 1000))
	headers := []proto.Header{{Name: "X-Timestamp", Value: internal}}
	var d proto.Dechunker

	tests := map[string]func(){
		"AppendOffer":     func() { proto.AppendOffer(buf[:0], full) },
		"AppendOffer2013": func() { proto.AppendOffer2013(buf[:0], full) },
		"ParseOffer": func() {
			if _, err := proto.ParseOffer(offerLine); err != nil {
				t.Fatal(err)
			}
		},
		"AppendWanted": func() { proto.AppendWanted(buf[:0], wanted) },
		"ParseWanted": func() {
			if _, err := proto.ParseWanted(wantedLine); err != nil {
				t.Fatal(err)
			}
		},
		"ParseTimestamp": func() {
			if _, err := proto.ParseTimestamp(internalBytes); err != nil {
				t.Fatal(err)
			}
			if _, err := proto.ParseTimestamp(internal); err != nil {
				t.Fatal(err)
			}
			if _, err := proto.ParseTimestamp("1700000005.123456e0"); err != nil {
				t.Fatal(err)
			}
		},
		"Timestamp.Append": func() { full.Data.AppendShort(full.Data.AppendInternal(full.Data.AppendNormal(buf[:0]))) },
		"FrameInPlace":     func() { proto.FrameInPlace(buf, proto.ChunkHeadroom, 4000) },
		"FrameInPlaceExt": func() {
			proto.FrameInPlaceExt(buf, proto.ChunkHeadroom, 4000, "xxh64=0123456789abcdef")
		},
		"AppendChunk":      func() { proto.AppendChunk(buf[:0], stream) },
		"AppendSubrequest": func() { proto.AppendSubrequest(buf[:0], "PUT", "/a/c/o 1", headers) },
		"Dechunker.Next": func() {
			for rest := stream; len(rest) > 0; {
				_, n, err := d.Next(rest)
				if err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
		},
		"HeadEnd":  func() { proto.HeadEnd([]byte(ssyncHead)) },
		"IsMarker": func() { proto.IsMarker(offerLine, proto.MissingCheckEnd) },
	}
	for name, call := range tests {
		if allocs := testing.AllocsPerRun(100, call); allocs != 0 {
			t.Errorf("%s allocates %v times", name, allocs)
		}
	}
}
