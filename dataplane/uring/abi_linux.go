package uring

import (
	iouring "github.com/iceber/iouring-go/syscall"
)

// What the kernel's io_uring.h has and iouring-go, of early 2023, has not.
const (
	setupSingleIssuer = 1 << 12 // 6.0
	setupDeferTaskrun = 1 << 13 // 6.1

	featExtArg = 1 << 8 // 5.11

	enterExtArg = 1 << 3

	registerBuffers2       = 15 // 5.13
	registerBuffersUpdate  = 16 // 5.13
	registerIowqMaxWorkers = 19 // 5.15
	registerSparse         = 1  // 5.19

	cqeMore         = 1 << 1
	cqeNotification = 1 << 3

	sendFixedBuffer = 1 << 2 // ioprio of SEND_ZC, 6.0
	sendReportUsage = 1 << 3 // ioprio of SEND_ZC, 6.2
	usageCopied     = 1 << 31

	fsyncDatasync = 1 << 0
)

// sqe and cqe are the two entries as the kernel lays them out.
type (
	sqe = iouring.SubmissionQueueEntry64
	cqe = iouring.CompletionQueueEvent16
)

// extArg is struct io_uring_getevents_arg.
type extArg struct {
	sigmask     uint64
	sigmaskSize uint32
	minWait     uint32
	timespec    uint64 // address
}

// rsrcRegister is struct io_uring_rsrc_register.
type rsrcRegister struct {
	count, flags uint32
	_            uint64
	data, tags   uint64
}

// rsrcUpdate is struct io_uring_rsrc_update2.
type rsrcUpdate struct {
	offset     uint32
	_          uint32
	data, tags uint64
	count      uint32
	_          uint32
}

// probe is struct io_uring_probe with all its operations.
type probe struct {
	lastOp, ops uint8
	_           uint16
	_           [3]uint32
	op          [256]probeOp
}

type probeOp struct {
	op    uint8
	_     uint8
	flags uint16
	_     uint32
}

const opSupported = 1 << 0
