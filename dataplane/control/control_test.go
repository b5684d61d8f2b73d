package control_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/ringsync/ringsync/dataplane/control"
)

const module = "../.."

// bugs reads the names of the bugs, by their constants.
func bugs(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if value, ok := spec.Values[0].(*ast.BasicLit); ok {
				names[spec.Names[0].Name], err = strconv.Unquote(value.Value)
			}
		}
		return true
	})
	if err != nil || len(names) < 9 {
		t.Fatalf("%v, %v", names, err)
	}
	return names
}

// A release can't be talked into a bug: no setting reaches it, every use stands
// behind the constant that is false there, and neither the bugs nor the variable
// that would name one are in what is shipped.
func TestNotInARelease(t *testing.T) {
	if control.Enabled {
		t.Skip("this build has them: -tags controls")
	}
	var traces [][]byte
	for constant, bug := range bugs(t) {
		t.Setenv("RINGSYNC_CONTROL", bug)
		if control.Is(bug) {
			t.Errorf("%s is on", constant)
		}
		traces = append(traces, []byte(bug))
	}
	dir := t.TempDir()
	if out, err := exec.Command("go", "build", "-o", dir+"/", module+"/cmd/...").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, command := range []string{"ringsyncd", "ringsync"} {
		binary, err := os.ReadFile(filepath.Join(dir, command))
		if err != nil {
			t.Fatal(err)
		}
		for _, trace := range append(traces, []byte("RINGSYNC_CONTROL")) {
			if bytes.Contains(binary, trace) {
				t.Errorf("%s holds %q", command, trace)
			}
		}
	}
}

var (
	use     = regexp.MustCompile(`control\.Is\(control\.([A-Za-z]+)\)`)
	guarded = regexp.MustCompile(`(control\.Enabled &&|!control\.Enabled \|\|) !?control\.Is\(`)
)

// Each bug has its place in the code, behind the constant, and a line in
// .ci/controls that names a test which is there.
func TestEveryBugHasItsTest(t *testing.T) {
	inCode := map[string]bool{}
	err := filepath.WalkDir(module+"/dataplane", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/control/") {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range bytes.Lines(text) {
			found := use.FindAllSubmatch(line, -1)
			if bytes.Contains(line, []byte("control.Is(")) && (len(found) == 0 || !guarded.Match(line)) {
				t.Errorf("%s: does not stand behind control.Enabled: %s", path, line)
			}
			for _, f := range found {
				inCode[string(f[1])] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(module + "/.ci/controls")
	if err != nil {
		t.Fatal(err)
	}
	for constant, bug := range bugs(t) {
		if !inCode[constant] {
			t.Errorf("%s is nowhere", constant)
		}
		line := regexp.MustCompile(`(?m)^control '` + bug + `' +([a-z/]+) +(Test[A-Za-z]+)$`).FindSubmatch(script)
		if line == nil {
			t.Errorf("no test notices %q", bug)
			continue
		}
		if !hasTest(t, string(line[1]), string(line[2])) {
			t.Errorf("%q: there is no %s in %s", bug, line[2], line[1])
		}
	}
}

func hasTest(t *testing.T, room, test string) (has bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(module, room, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		has = has || bytes.Contains(text, []byte("func "+test+"(t *testing.T)"))
	}
	return has
}
