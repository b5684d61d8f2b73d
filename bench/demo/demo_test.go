package demo_test

import (
	"bytes"
	"context"
	"os"
	"testing"

	"github.com/ringsync/ringsync/bench/demo"
)

// The demonstration ends well, says so, and leaves nothing behind.
func TestRun(t *testing.T) {
	var out bytes.Buffer
	report, err := demo.Run(context.Background(), demo.Config{Objects: 200, Out: &out})
	t.Log(out.String())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Steps) != 3 || report.Steps[0].Sent != 200 || report.Steps[1].Sent != 0 || report.Verified != 200 {
		t.Errorf("%+v", report)
	}
	if _, err := os.Stat(report.Directory); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", report.Directory, err)
	}
}

// A demonstration that is interrupted says so and cleans up as well.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	report, err := demo.Run(ctx, demo.Config{Objects: 200})
	if err == nil {
		t.Fatal("no error")
	}
	if _, err := os.Stat(report.Directory); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", report.Directory, err)
	}
}
