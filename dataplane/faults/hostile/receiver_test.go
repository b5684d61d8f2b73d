package hostile_test

import (
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/dataplane/faults/faultstest"
	"github.com/ringsync/ringsync/dataplane/store/storetest"
	"github.com/ringsync/ringsync/proto"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const deadline = time.Minute

// Each request of the corpus gets the answer that is written beside it; nothing is
// published, nothing lies outside the session's partition, and a good session
// passes afterwards.
func TestRequests(t *testing.T) {
	for _, c := range readCorpus(t, "testdata/requests.txt") {
		t.Run(c.name, func(t *testing.T) {
			devices := storetest.Devices(t)
			node := faultstest.Start(t, faultstest.Store(t, devices, nil), faultstest.Impatient(10*time.Second))
			c.judge(t, ask(t, node.Address, c.bytes))
			onlyPartitions(t, devices, "objects/0")
			if state := storetest.MustState(t, faultstest.Partition(t, devices), "/a/c/o"); state != "nothing" {
				t.Errorf("published: %s", state)
			}
			goodSession(t, node.Address)
			node.Stop()
			faultstest.Sound(t, devices, nil)
		})
	}
}

// ask sends bytes, says that there are no more, and returns the answer.
func ask(t testing.TB, address string, request []byte) string {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(deadline))
	sent := make(chan struct{})
	go func() { // beside the reading: who refuses early reads no more
		defer close(sent)
		conn.Write(request)
		conn.(*net.TCPConn).CloseWrite()
	}()
	answer, err := io.ReadAll(conn)
	if netErr, ok := err.(net.Error); ok && netErr.Timeout() {
		t.Errorf("no end of the answer: %.300q", answer)
	}
	conn.Close()
	<-sent
	return string(answer)
}

// goodBody is what a good session brings.
const goodBody = "PUT /a/c/o\r\nContent-Length: 3\r\nContent-Type: t\r\nETag: 900150983cd24fb0d6963f7d28e17f72\r\nX-Timestamp: 1700000001.00000\r\n\r\nabc:UPDATES: END\r\n"

func goodSession(t testing.TB, address string) {
	t.Helper()
	request := append(append(goodCheck(), chunk(goodBody)...), proto.LastChunk...)
	if answer := ask(t, address, request); !strings.Contains(answer, ":UPDATES: END") {
		t.Errorf("a good session: %q", answer)
	}
}

// onlyPartitions fails the test if there is a file outside of d1, or in it outside
// of some partitions, the tmp directory and the device's lock.
func onlyPartitions(t testing.TB, devices string, partitions ...string) {
	t.Helper()
	allowed := append(partitions, "tmp", "quarantined", ".lock")
	err := filepath.WalkDir(devices, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, inside := strings.CutPrefix(path, filepath.Join(devices, "d1")+"/")
		if d.IsDir() && (!inside || slices.ContainsFunc(allowed, func(a string) bool { return strings.HasPrefix(a, name) })) {
			return nil
		}
		if !slices.ContainsFunc(allowed, func(a string) bool { return name == a || strings.HasPrefix(name, a+"/") }) {
			if path != devices && path != filepath.Join(devices, "d1") {
				t.Errorf("%s is there", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
