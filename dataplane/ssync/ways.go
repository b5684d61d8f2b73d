package ssync

import "log/slog"

// noteWays takes down how bodies were sent, when no more are.
func (t *transmission) noteWays() {
	t.result.Ways, t.result.ZeroCopy = t.out.Ways(), t.out.ZeroCopy()
}

// noteWays takes down how bodies landed.
func (s *reception) noteWays() { s.report.Ways = s.in.Ways() }

// logEnd tells of the session in a line. Whether an error is worth a warning, the one
// who asked for the session knows.
func (t *transmission) logEnd() {
	r := &t.result
	text, attrs := "session sent", []any{
		"offered", r.Offered, "wanted", r.Wanted, "sent", r.Sent, "proven", r.Proven, "not_sent", r.NotSent, "failed", r.Failed,
		"bytes", r.Bytes, "ways", r.Ways.String(), "zero_copy", r.ZeroCopy.String(),
	}
	if r.Err != nil {
		text, attrs = "session not sent", append(attrs, slog.Any("error", r.Err))
	}
	t.log.Info(text, attrs...)
}
