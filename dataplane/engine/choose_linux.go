package engine

// canSendfile: every Linux can.
func canSendfile() error { return nil }
