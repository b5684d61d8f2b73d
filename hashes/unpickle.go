package hashes

import (
	"fmt"
	"unicode/utf8"
)

// Limits bound what [Unpickle] accepts. A zero field means its default.
type Limits struct {
	Bytes int // of the pickle; default 16 MiB
	Depth int // of lists, tuples and dicts in each other; default 32
	Items int // on the stack and in containers, together; default 512 Ki
}

// The largest pickle that Swift exchanges is the hashes of an erasure-coded
// partition: 4096 suffixes, each with the digests of perhaps 30 fragments and
// of all. That makes 4096 · (3 + 2·31) = 266,240 items, at some 45 bytes for
// two of them 6 MiB.
const (
	defaultPickleBytes = 16 << 20
	defaultPickleDepth = 32
	defaultPickleItems = 512 << 10
)

// PickleError says why a pickle was refused.
type PickleError struct {
	Offset int    // of the opcode
	Reason string // names the opcode or global
}

// Error implements error.
func (e *PickleError) Error() string {
	return fmt.Sprintf("pickle at byte %d: %s", e.Offset, e.Reason)
}

// Unpickle reads a pickle of protocol 0, 1 or 2. It calls nothing: of the
// globals it knows only these, and does by itself what they would do.
//
//	_codecs.encode(text, "latin1")                      Bytes
//	copy_reg._reconstructor(HeaderKeyDict, dict, dict)  *Dict; also for a plain dict
//	__builtin__.dict(), __builtin__.bytes()             empty ones
//
// (copyreg and builtins are their names in Python 3.) Anything else, and
// anything that would make a value contain itself, is a [*PickleError]; Swift
// never writes such. Memory is bounded: the strings share one copy of data, and an
// item takes about 100 bytes at most.
//
// Python 2's 8-bit strings come back as Bytes; text must be UTF-8. Bytes after
// the end of the pickle are ignored, as Python ignores them.
//
// Source: utils/pickle.py, the restricted unpickler of Swift 2.38.
func Unpickle(data []byte, limits Limits) (Value, error) {
	return unpickle(data, limits, false)
}

// unpickleText is Unpickle for what Python 3 loads without naming an encoding:
// 8-bit strings are ASCII text, so that Bytes are only what Python 3 wrote as
// bytes.
func unpickleText(data []byte) (Value, error) {
	return unpickle(data, Limits{}, true)
}

func unpickle(data []byte, limits Limits, text bool) (Value, error) {
	u := unpickler{limits: limits.withDefaults(), text: text}
	if len(data) > u.limits.Bytes {
		return nil, u.fail("%d bytes are more than %d", len(data), u.limits.Bytes)
	}
	u.data = string(data)

	return u.run()
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = defaultPickleBytes
	}
	if l.Depth == 0 {
		l.Depth = defaultPickleDepth
	}
	if l.Items == 0 {
		l.Items = defaultPickleItems
	}

	return l
}

// unpickler is the stack machine of a pickle.
type unpickler struct {
	data   string
	pos    int
	start  int // of the current opcode
	limits Limits
	text   bool // 8-bit strings are text

	stack []entry
	marks []int // where on the stack each MARK stands
	memo  []Value
	items int // pushed so far
}

// entry is a value on the stack and how deep its containers nest.
type entry struct {
	value Value
	depth int
}

// global is a callable or class on the stack; it never leaves this package.
type global string

// arguments is a tuple that holds a global, fit only to be the arguments of a
// call.
type arguments []Value

func (u *unpickler) run() (Value, error) {
	for {
		u.start = u.pos
		op, err := u.byte()
		if err != nil {
			return nil, err
		}
		if op == opStop {
			return u.result()
		}
		if err := u.step(op); err != nil {
			return nil, err
		}
	}
}

func (u *unpickler) result() (Value, error) {
	e, err := u.pop()
	if err != nil {
		return nil, err
	}

	return e.value, u.plain(e.value)
}

// step does one opcode.
func (u *unpickler) step(op byte) error {
	switch op {
	case opProto:
		return u.proto()
	case opMark:
		return u.mark()
	case opPop:
		return u.drop()
	case opPopMark:
		_, err := u.popMark()
		return err

	case opNone:
		return u.push(nil, 0)
	case opNewTrue:
		return u.push(true, 0)
	case opNewFalse:
		return u.push(false, 0)
	case opInt, opLong, opBinInt, opBinInt1, opBinInt2, opLong1:
		return u.integer(op)
	case opFloat, opBinFloat:
		return u.floating(op)
	case opString, opBinString, opShortBinString:
		return u.bytesString(op)
	case opUnicode, opBinUnicode:
		return u.unicode(op)

	case opEmptyDict:
		return u.push(new(Dict), 1)
	case opEmptyList:
		return u.push(List(nil), 1)
	case opEmptyTuple:
		return u.push(Tuple(nil), 1)
	case opDict, opList, opTuple:
		return u.fromMark(op)
	case opTuple1, opTuple2, opTuple3:
		return u.shortTuple(int(op) - opTuple1 + 1)
	case opSetItem, opSetItems:
		return u.setItems(op)
	case opAppend, opAppends:
		return u.appendItems(op)

	case opPut, opBinPut, opLongBinPut:
		return u.put(op)
	case opGet, opBinGet, opLongBinGet:
		return u.get(op)
	case opGlobal:
		return u.global()
	case opReduce:
		return u.reduce()
	default:
		return u.fail("opcode 0x%02x is not accepted", op)
	}
}

func (u *unpickler) proto() error {
	version, err := u.byte()
	if err == nil && version > 2 {
		return u.fail("protocol %d is not accepted", version)
	}

	return err
}

func (u *unpickler) mark() error {
	u.marks = append(u.marks, len(u.stack))

	return u.count(1)
}

func (u *unpickler) drop() error {
	if n := len(u.marks); n > 0 && u.marks[n-1] == len(u.stack) {
		u.marks = u.marks[:n-1]
		return nil
	}

	_, err := u.pop()

	return err
}

// push puts a value on the stack.
func (u *unpickler) push(v Value, depth int) error {
	if depth > u.limits.Depth {
		return u.fail("containers nest deeper than %d", u.limits.Depth)
	}
	if s, ok := v.(string); ok && !utf8.ValidString(s) {
		return u.fail("text %.64q is not UTF-8", s)
	}
	u.stack = append(u.stack, entry{v, depth})

	return u.count(1)
}

func (u *unpickler) count(n int) error {
	if u.items += n; u.items > u.limits.Items {
		return u.fail("more than %d items", u.limits.Items)
	}

	return nil
}

// floor is the lowest stack entry that an opcode may take: the last mark
// protects what is below.
func (u *unpickler) floor() int {
	if n := len(u.marks); n > 0 {
		return u.marks[n-1]
	}

	return 0
}

func (u *unpickler) pop() (entry, error) {
	taken, err := u.popN(1)
	if err != nil {
		return entry{}, err
	}

	return taken[0], nil
}

// popN takes n entries; they are good until the next push.
func (u *unpickler) popN(n int) ([]entry, error) {
	at := len(u.stack) - n
	if at < u.floor() {
		return nil, u.fail("the stack is empty")
	}

	taken := u.stack[at:]
	u.stack = u.stack[:at]

	return taken, nil
}

// popMark takes the last mark and what is above it; good until the next push.
func (u *unpickler) popMark() ([]entry, error) {
	if len(u.marks) == 0 {
		return nil, u.fail("there is no mark")
	}

	taken, err := u.popN(len(u.stack) - u.floor())
	u.marks = u.marks[:len(u.marks)-1]

	return taken, err
}

// plain refuses what must not leave the machine or enter a container.
func (u *unpickler) plain(v Value) error {
	switch v := v.(type) {
	case global:
		return u.fail("global %.64q stands for itself", string(v))
	case arguments:
		return u.fail("global in a tuple stands for itself")
	default:
		return nil
	}
}

func (u *unpickler) fail(format string, args ...any) error {
	return &PickleError{Offset: u.start, Reason: fmt.Sprintf(format, args...)}
}
