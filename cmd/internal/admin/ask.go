package admin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	askTimeout = 30 * time.Second // as the daemon gives an answer
	maxAnswer  = 16 << 20
	maxRefusal = 1 << 10 // of an answer that is an error, what is quoted
)

// AnswerError is an answer other than 200.
type AnswerError struct {
	Status int
	Text   string
}

func (e *AnswerError) Error() string {
	return fmt.Sprintf("the daemon answers %d: %q", e.Status, e.Text)
}

// Ask makes one request of a daemon, and returns the whole of its answer.
func Ask(ctx context.Context, at Address, method, path string, body []byte) ([]byte, error) {
	if at.Network == "" {
		return nil, errors.New("no address to ask a daemon at")
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://ringsyncd"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, at.Network, at.Text)
			},
			DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, explain(at, err)
	}
	defer answer.Body.Close()
	return read(answer)
}

func read(answer *http.Response) ([]byte, error) {
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
		return nil, &AnswerError{answer.StatusCode, strings.TrimSpace(string(text))}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the daemon's answer: %w", err)
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the daemon's answer has more than %d bytes", maxAnswer)
	}
	return body, nil
}

// explain says what an operator can do about a daemon who is not to be had.
func explain(at Address, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("no ringsyncd answers at %s: does it run, and with which --admin and --state-dir?", at)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s is only for the user whom ringsyncd runs as, and for root", at)
	}
	return fmt.Errorf("asking ringsyncd at %s: %w", at, err)
}
