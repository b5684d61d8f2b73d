package admin

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A place is a socket, or an address of the loopback, or nowhere.
func TestParseAddress(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		text, network, want, fails string
	}{
		{"", "", "", ""},
		{"none", "", "", ""},
		{"/run/ringsync/admin.sock", "unix", "/run/ringsync/admin.sock", ""},
		{"admin.sock", "unix", here + "/admin.sock", ""},
		{"./a:1", "unix", here + "/a:1", ""},
		{"127.0.0.1:9201", "tcp", "127.0.0.1:9201", ""},
		{"[::1]:9201", "tcp", "[::1]:9201", ""},
		{"0.0.0.0:9201", "", "", "not an address of the loopback"},
		{"10.0.0.7:9201", "", "", "not an address of the loopback"},
		{":9201", "", "", "ADDRESS:PORT"},
		{"localhost:9201", "", "", "ADDRESS:PORT"},
		{"127.0.0.1:port", "", "", "ADDRESS:PORT"},
		{"/" + strings.Repeat("x", maxPath), "", "", "107 bytes"},
	} {
		at, err := ParseAddress(test.text)
		if at != (Address{test.network, test.want}) || (err != nil) != (test.fails != "") || err != nil && !strings.Contains(err.Error(), test.fails) {
			t.Errorf("%q: %+v, %v", test.text, at, err)
		}
	}
}

func listen(t *testing.T, at Address) net.Listener {
	t.Helper()
	l, err := Listen(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// A socket is its owner's alone, also under the widest umask; a dead one's is
// replaced, a living one's is not, nor what is no socket.
func TestListen(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	at := Address{"unix", filepath.Join(t.TempDir(), "admin.sock")}
	l := listen(t, at)
	info, err := os.Lstat(at.Text)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := Listen(t.Context(), at); !errors.Is(err, ErrInUse) {
		t.Errorf("a living one's: %v", err)
	}
	if _, err := os.Lstat(at.Text); err != nil {
		t.Errorf("it was taken away: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as if it were killed
	l.Close()
	if _, err := os.Lstat(at.Text); err != nil {
		t.Fatalf("nothing stale is left to replace: %v", err)
	}
	listen(t, at).Close()
	if _, err := os.Lstat(at.Text); !os.IsNotExist(err) {
		t.Errorf("it is left behind: %v", err)
	}

	if err := os.WriteFile(at.Text, []byte("a letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(t.Context(), at); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("a file: %v", err)
	}
	if text, err := os.ReadFile(at.Text); string(text) != "a letter" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if _, err := Listen(t.Context(), Address{"unix", filepath.Join(t.TempDir(), "no", "admin.sock")}); err == nil {
		t.Error("a directory that is not there")
	}
}

// An answer is had whole, or an error says what is to be done.
func TestAsk(t *testing.T) {
	at := Address{"unix", filepath.Join(t.TempDir(), "admin.sock")}
	if _, err := Ask(t.Context(), at, "GET", "/status", nil); err == nil || !strings.Contains(err.Error(), "no ringsyncd answers at "+at.Text) {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := Ask(t.Context(), Address{}, "GET", "/status", nil); err == nil {
		t.Error("nowhere")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /good", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("yes")) })
	mux.HandleFunc("GET /much", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, maxAnswer+1)) })
	mux.HandleFunc("GET /away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/good", http.StatusFound) })
	mux.HandleFunc("GET /bad", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, strings.Repeat("\x1b[2J", 10_000), http.StatusTeapot)
	})
	mux.HandleFunc("GET /short", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.Write([]byte("yes"))
	})
	server := &http.Server{Handler: mux}
	l := listen(t, at)
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(l) }()
	defer func() { server.Close(); <-served }()
	if got, err := Ask(t.Context(), at, "GET", "/good", nil); string(got) != "yes" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for path, want := range map[string]string{"/much": "more than", "/away": "302", "/bad": "418", "/short": "EOF", "/none": "404"} {
		_, err := Ask(t.Context(), at, "GET", path, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 8<<10 {
			t.Errorf("%s: %.200q", path, err)
		}
	}
}
