package engine

// Source is a body on a disk. ReadAt has the semantics of io.ReaderAt: fewer
// bytes than asked for come with an error, io.EOF at the end. *os.File is one.
type Source interface {
	ReadAt(p []byte, off int64) (int, error)
}

// Sink is where a body lands. WriteAt has the semantics of io.WriterAt: fewer
// bytes than given come with an error; p is only lent. *os.File is one.
type Sink interface {
	WriteAt(p []byte, off int64) (int, error)
}
