// Package doctor finds out what this machine can do for ringsync, and what keeps
// it from doing it: kernel, limits, engine, state directory, and each device.
//
//	Examine ──▶ Report          reads only, unless Config.Probe
//	              Device          mounted? on what? suspect, and why?
//	                Probe           what the file system takes: a file in the
//	                                device's tmp directory tells, and goes
//	Clear ─────▶ takes a device's suspect mark away
//
// A disk that hangs is what a doctor is called for: each device is given some
// time, and told of when it does not answer.
package doctor
