package measure

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// Lines of /proc are read as their manual pages say, odd names included, and
// what is none is refused.
func TestParse(t *testing.T) {
	line := "4321 (a) (b) S 1 4321 4321 0 -1 4194560 100 0 0 0 150 250 7 9 20 0 1 0 5 100 1"
	got, err := parseStat(line)
	want := stat{4321, 1, "a) (b", CPU{1.5, 2.5}, CPU{0.07, 0.09}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(stat{})); diff != "" || err != nil {
		t.Errorf("%v: %s", err, diff)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 1", strings.Replace(line, "150", "x", 1), strings.Replace(line, "4321 (", "y (", 1)} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
	machine, err := parseMachine("cpu  100 20 300 4000 50 6 7 80 9 10\ncpu0 1 2 3\n")
	if err != nil || machine != (CPU{1.2, 3.13}) {
		t.Errorf("machine %+v, %v", machine, err)
	}
	for _, bad := range []string{"", "cpu 1 2 3", "cpu 1 2 3 4 5 6 x 8", "intr 1 2 3 4 5 6 7 8"} {
		if got, err := parseMachine(bad); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
	fields := parseStatus("Name:\tx y\nVmHWM:\t    1234 kB\nvoluntary_ctxt_switches:\t56\nCpus_allowed_list:\t0-1\n")
	if diff := cmp.Diff(map[string]int64{"VmHWM": 1234, "voluntary_ctxt_switches": 56}, fields); diff != "" {
		t.Error(diff)
	}
	wire, err := parseLoopback("Inter-|   Receive\n face |bytes packets\n    lo: 328       6    0\n  eth0: 1 2\n")
	if err != nil || wire != 328 {
		t.Errorf("wire %d, %v", wire, err)
	}
	if _, err := parseLoopback("  eth0: 1 2\n"); err == nil {
		t.Error("a loopback where there is none")
	}
}

// perf's answer gives calls and fsyncs; an event it could not count is told.
func TestParseCounts(t *testing.T) {
	const answer = "# started on Wed\n\n143,,raw_syscalls:sys_enter,1146179,100.00,,\n2,,syscalls:sys_enter_fsync,1,100.00,,\n3,,syscalls:sys_enter_fdatasync,1,100.00,,\n12,,io_uring:io_uring_submit_req,1,100.00,,\n"
	got, err := parseCounts(answer)
	if err != nil || got != (Counts{Calls: 143, Fsyncs: 5, Rings: 12}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "# nothing\n", "1,,syscalls:sys_enter_fsync,1\n", "<not counted>,,raw_syscalls:sys_enter,0\n"} {
		if got, err := parseCounts(bad); err == nil {
			t.Errorf("%q is %+v", bad, got)
		}
	}
}

// A tree is a process with all below it, and nobody else.
func TestTree(t *testing.T) {
	all := processes{
		1:  {pid: 1},
		2:  {pid: 2, name: "kthreadd"},
		7:  {pid: 7, parent: 2, own: CPU{0, 1}},
		10: {pid: 10, parent: 1, own: CPU{1, 2}, waited: CPU{3, 4}},
		11: {pid: 11, parent: 10, own: CPU{10, 20}},
		12: {pid: 12, parent: 11, own: CPU{100, 200}},
		20: {pid: 20, parent: 1, own: CPU{5000, 5000}},
	}
	if got := all.cpu(all.tree(10)); got != (CPU{114, 226}) {
		t.Errorf("the tree of 10 took %+v", got)
	}
	if got := all.tree(99); got != nil {
		t.Errorf("the tree of nobody is %v", got)
	}
	kernel, visible := all.kernel()
	if diff := cmp.Diff(map[int]CPU{7: {0, 1}}, kernel); !visible || diff != "" {
		t.Errorf("the kernel's threads, %v: %s", visible, diff)
	}
	// One goes on, one has ended and takes its sum with it, one is new.
	before := map[int]CPU{7: {0, 1}, 8: {0, 100}}
	if got := since(before, map[int]CPU{7: {0, 3}, 9: {0, 0.5}}); got != (CPU{0, 2.5}) {
		t.Errorf("the kernel took %+v", got)
	}
	delete(all, 2)
	if _, visible := all.kernel(); visible {
		t.Error("the kernel is seen where it is not")
	}
}

// busy starts a shell that works in a child of its own, then waits; done lets it
// end.
func busy(t *testing.T) (pid int, done func()) {
	t.Helper()
	cmd := exec.Command("sh", "-c", `sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done'; echo ready; read x`)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	bufio.NewScanner(stdout).Scan()
	return cmd.Process.Pid, func() {
		stdin.Close()
		cmd.Wait()
	}
}

// A meter counts a child that has ended, memory and bytes over the loopback; and
// a receiver that has gone is an error.
func TestMeter(t *testing.T) {
	self, err := NewMeter(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	pid, done := busy(t)
	talkOverLoopback(t, 1<<20)
	u, err := self.Read()
	if err != nil {
		t.Fatal(err)
	}
	if u.Receiver.Total() < 0.02 || u.Machine.Total() < u.Receiver.Total()/2 {
		t.Errorf("CPU: %+v", u)
	}
	if u.ReceiverPeak < 4<<20 || u.ReceiverSwitches == 0 || u.WireBytes < 1<<20 {
		t.Errorf("%+v", u)
	}
	other, err := NewMeter(pid)
	if err != nil {
		t.Fatal(err)
	}
	done()
	if _, err := other.Read(); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("a receiver that is gone: %v", err)
	}
}

// Calls are counted, of a command and of a process that is there.
func TestCalls(t *testing.T) {
	dir := t.TempDir()
	if err := CanCount(t.Context(), dir); err != nil {
		t.Skipf("calls can't be counted here: %v", err)
	}
	cmd := exec.Command("sync", "-f", dir)
	calls, err := CountCommand(cmd, filepath.Join(dir, "command"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got, err := calls.Counts(); err != nil || got.Fsyncs != 1 || got.Calls < 10 {
		t.Errorf("sync: %+v, %v", got, err)
	}
	pid, done := busy(t)
	calls, err = CountProcesses(t.Context(), filepath.Join(dir, "process"), pid)
	if err != nil {
		t.Fatal(err)
	}
	done()
	if got, err := calls.Counts(); err != nil || got.Fsyncs != 0 || got.Calls == 0 || got.Calls > 1000 {
		t.Errorf("a shell that ends: %+v, %v", got, err)
	}
	if _, err := CountProcesses(t.Context(), filepath.Join(dir, "nobody"), 1<<22+1); err == nil {
		t.Error("nobody's calls are counted")
	}
}

func talkOverLoopback(t *testing.T, bytes int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	for sent := 0; sent < bytes; sent += 1 << 15 {
		if err := unix.Sendto(fd, make([]byte, 1<<15), 0, at); err != nil {
			t.Fatal(err)
		}
	}
}
