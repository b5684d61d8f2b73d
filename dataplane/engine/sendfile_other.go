//go:build !linux

package engine

import "net"

// fileSender is what only Linux has.
type fileSender struct{}

func newFileSender(net.Conn) fileSender { return fileSender{} }
func (*fileSender) usable() bool        { return false }

func (o *Outbound) sendFile(FileSource, int64, int64) (int64, error) { panic("no sendfile here") }
