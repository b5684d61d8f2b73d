package ssync

// noteWays takes down how bodies were sent, when no more are.
func (t *transmission) noteWays() {
	t.result.Ways, t.result.ZeroCopy = t.out.Ways(), t.out.ZeroCopy()
}

// noteWays takes down how bodies landed.
func (s *reception) noteWays() { s.report.Ways = s.in.Ways() }
