// Package uringtest runs tests where io_uring is not to be had, or not in full: a
// test's binary is started again as a process that has been restricted before its
// main work.
//
//	func TestMain(m *testing.M) { uringtest.Restrict(); os.Exit(m.Run()) }
//
//	func TestWithout(t *testing.T) {
//		uringtest.Each(t, func(t *testing.T, how string) { uringtest.Rerun(t, how, "^TestThis$") })
//	}
package uringtest
