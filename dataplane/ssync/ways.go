package ssync

// noteWays takes down how bodies were sent, when no more are.
func (t *transmission) noteWays() {
	t.result.Ways, t.result.ZeroCopy, t.result.Paced = t.out.Ways(), t.out.ZeroCopy(), t.out.Paced()
}

// noteWays takes down how bodies landed.
func (s *reception) noteWays() { s.report.Ways, s.report.Paced = s.in.Ways(), s.in.Paced() }
