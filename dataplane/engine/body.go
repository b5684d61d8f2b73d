package engine

// Source is a body on a disk. ReadAt has the semantics of io.ReaderAt: fewer
// bytes than asked for come with an error, io.EOF at the end. *os.File is one.
type Source interface {
	ReadAt(p []byte, off int64) (int, error)
}

// FileSource is a Source that lends its descriptor, for as long as a Body of it
// lasts, to ways of reading that are not ReadAt. What they do they tell it, so that
// whoever watches the file sees the same reads.
type FileSource interface {
	Source
	// Descriptor is the file's.
	Descriptor() int
	// StartRead is called before n bytes at off are read. An error, which is the
	// source's own, forbids it.
	StartRead(n int, off int64) error
	// EndRead is told what came of it, and returns the error as ReadAt would.
	EndRead(n int, off int64, err error) error
	// PastCache lets further reads with the descriptor go past the page cache, or no
	// more. An error says that they don't.
	PastCache(on bool) error
}

// Sink is where a body lands. WriteAt has the semantics of io.WriterAt: fewer
// bytes than given come with an error; p is only lent. *os.File is one.
type Sink interface {
	WriteAt(p []byte, off int64) (int, error)
}

// DirectSink is a Sink that is a file past the page cache, and lends its descriptor
// until the body has landed to who writes whole blocks of it from memory at whole
// blocks, several at once. What else there is goes by WriteAt.
type DirectSink interface {
	Sink
	// Direct tells whether the file is written so at all.
	Direct() bool
	// StartWrite is called before p is written at off. n is how much of p may be; an
	// error, which is the sink's own, forbids it.
	StartWrite(p []byte, off int64) (fd, n int, err error)
	// EndWrite is told what came of p[:n], which was written in full unless there is
	// an error, and returns that as WriteAt would.
	EndWrite(p []byte, off int64, err error) error
}
