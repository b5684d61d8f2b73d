package peer_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ringsync/ringsync/bench/peer"
	"github.com/ringsync/ringsync/bench/peer/peertest"
)

// program is the environment variable that makes TestProgram one: its value is
// the swift directory and the devices, with a colon between.
const program = "RINGSYNC_PEER_PROGRAM"

// TestProgram is no test but the program that the next one kills: it starts a
// server, prints the server's pid, and waits for its own end.
func TestProgram(t *testing.T) {
	dir, devices, ok := strings.Cut(os.Getenv(program), ":")
	if !ok {
		t.Skip("only a part of TestNothingOutlivesAKilledProgram")
	}
	server := peertest.Server(t, peertest.Require(t), peer.ServerConfig{SwiftDir: dir, Devices: devices, Workers: 2})
	fmt.Println("pid", server.PID())
	time.Sleep(time.Minute)
}

// A Go program that is killed cannot clean up: its server ends all the same,
// with every worker.
func TestNothingOutlivesAKilledProgram(t *testing.T) {
	peertest.Require(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProgram$")
	cmd.Env = append(os.Environ(), program+"="+peertest.SwiftDir(t)+":"+peertest.Devices(t), "TMPDIR="+t.TempDir())
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	leader := printedPID(t, bufio.NewScanner(stdout))
	if running := group(t, leader); len(running) != 3 {
		t.Errorf("a parent and two workers should run: %q", running)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := group(t, leader)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still running: %q", left)
		}
	}
}

func printedPID(t *testing.T, lines *bufio.Scanner) int {
	t.Helper()
	for lines.Scan() {
		if digits, ok := strings.CutPrefix(lines.Text(), "pid "); ok {
			pid, err := strconv.Atoi(digits)
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	t.Fatal("the program printed no pid")
	return 0
}
