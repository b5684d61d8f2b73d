package hashes

import (
	"encoding/binary"
	"math"
)

// The opcodes of pickle protocols 0 to 2 that the writer emits or the reader
// accepts, by their names in Python's pickle.py.
const (
	opMark           = '('
	opStop           = '.'
	opPop            = '0'
	opPopMark        = '1'
	opFloat          = 'F'
	opInt            = 'I'
	opBinInt         = 'J'
	opBinInt1        = 'K'
	opLong           = 'L'
	opBinInt2        = 'M'
	opNone           = 'N'
	opReduce         = 'R'
	opString         = 'S'
	opBinString      = 'T'
	opShortBinString = 'U'
	opUnicode        = 'V'
	opBinUnicode     = 'X'
	opAppend         = 'a'
	opGlobal         = 'c'
	opDict           = 'd'
	opEmptyDict      = '}'
	opAppends        = 'e'
	opGet            = 'g'
	opBinGet         = 'h'
	opLongBinGet     = 'j'
	opList           = 'l'
	opEmptyList      = ']'
	opPut            = 'p'
	opBinPut         = 'q'
	opLongBinPut     = 'r'
	opSetItem        = 's'
	opTuple          = 't'
	opEmptyTuple     = ')'
	opSetItems       = 'u'
	opBinFloat       = 'G'
	opProto          = 0x80
	opTuple1         = 0x85
	opTuple2         = 0x86
	opTuple3         = 0x87
	opNewTrue        = 0x88
	opNewFalse       = 0x89
	opLong1          = 0x8a
)

// batchItems is how many dict items CPython sets with one opcode.
const batchItems = 1000

// pickler appends what CPython 3's pickle.dumps(…, protocol=2) gives, byte for
// byte: a digest over the pickle is stored beside it, and equal metadata ought
// to be equal bytes whoever wrote them.
//
//	80 02                           PROTO 2
//	7d 71 00                        EMPTY_DICT, BINPUT 0
//	28 <key> <value> … 75           MARK, pairs, SETITEMS; a single pair: <key> <value> 73
//	2e                              STOP
//
// Every string, tuple, dict and global is numbered in the order of writing
// (BINPUT) whether it is used again (BINGET) or not. Source: CPython
// Modules/_pickle.c, save and what it calls.
type pickler struct {
	dst  []byte
	memo uint32 // numbers given so far

	encode, latin1, empty memoized     // objects that CPython has only once
	single                []singleByte // so has it byte strings of length 1
}

// memoized is an object's number plus one; zero: not yet written.
type memoized uint32

type singleByte struct {
	b  byte
	at memoized
}

// begin starts the pickle of a dict of n items.
func (p *pickler) begin(n int) {
	p.dst = append(p.dst, opProto, 2, opEmptyDict)
	p.put()
	if n > 1 {
		p.dst = append(p.dst, opMark)
	}
}

// wrote is called when i of n items are written.
func (p *pickler) wrote(i, n int) {
	switch {
	case n == 1:
		p.dst = append(p.dst, opSetItem)
	case i%batchItems == 0:
		// CPython sees only afterwards that nothing is left, so a dict of
		// 1000 items ends with an empty batch.
		p.dst = append(p.dst, opSetItems, opMark)
	}
	if i == n && n > 1 {
		p.dst = append(p.dst, opSetItems)
	}
}

// end completes the pickle.
func (p *pickler) end() []byte { return append(p.dst, opStop) }

// str writes a text object that was not written before.
func (p *pickler) str(text string) {
	p.dst = append(p.dst, opBinUnicode)
	p.dst = binary.LittleEndian.AppendUint32(p.dst, uint32(len(text)))
	p.dst = append(p.dst, text...)
	p.put()
}

// none writes None.
func (p *pickler) none() { p.dst = append(p.dst, opNone) }

// boolean writes True or False.
func (p *pickler) boolean(b bool) {
	if b {
		p.dst = append(p.dst, opNewTrue)
	} else {
		p.dst = append(p.dst, opNewFalse)
	}
}

// float writes a float, big-endian.
func (p *pickler) float(f float64) {
	p.dst = append(p.dst, opBinFloat)
	p.dst = binary.BigEndian.AppendUint64(p.dst, math.Float64bits(f))
}

// bytes writes a byte string. Protocol 2 has no opcode for one, so it is a
// call, _codecs.encode(text, 'latin1'), and an empty one is bytes().
//
// The byte string is given by its code points: encodings is how often UTF-8
// applies to s before it stands in the pickle, 1 for the bytes of s as they
// are, 2 if each byte of s is itself stored as a code point.
func (p *pickler) bytes(s string, encodings int) {
	if len(s) == 0 {
		p.emptyBytes()
		return
	}

	single := len(s) == 1 && s[0] < 0x80
	if single && p.getSingle(s[0]) {
		return
	}

	p.encodeGlobal()
	p.latin1Text(s, encodings)
	p.latin1Name()
	p.dst = append(p.dst, opTuple2)
	p.put()
	p.dst = append(p.dst, opReduce)
	at := p.put()

	if single {
		p.single = append(p.single, singleByte{s[0], at})
	}
}

func (p *pickler) emptyBytes() {
	if p.empty != 0 {
		p.get(p.empty)
		return
	}

	p.dst = append(p.dst, "c__builtin__\nbytes\n"...)
	p.put()
	p.dst = append(p.dst, opEmptyTuple, opReduce)
	p.empty = p.put()
}

func (p *pickler) getSingle(b byte) bool {
	for _, s := range p.single {
		if s.b == b {
			p.get(s.at)
			return true
		}
	}

	return false
}

func (p *pickler) encodeGlobal() {
	if p.encode != 0 {
		p.get(p.encode)
		return
	}

	p.dst = append(p.dst, "c_codecs\nencode\n"...)
	p.encode = p.put()
}

func (p *pickler) latin1Name() {
	if p.latin1 != 0 {
		p.get(p.latin1)
		return
	}

	p.str("latin1")
	p.latin1 = memoized(p.memo)
}

func (p *pickler) latin1Text(s string, encodings int) {
	p.dst = append(p.dst, opBinUnicode, 0, 0, 0, 0)
	start := len(p.dst)
	p.dst = appendLatin1(p.dst, s, encodings)
	binary.LittleEndian.PutUint32(p.dst[start-4:], uint32(len(p.dst)-start))
	p.put()
}

// put numbers the object just written.
func (p *pickler) put() memoized {
	if p.memo < 256 {
		p.dst = append(p.dst, opBinPut, byte(p.memo))
	} else {
		p.dst = append(p.dst, opLongBinPut)
		p.dst = binary.LittleEndian.AppendUint32(p.dst, p.memo)
	}
	p.memo++

	return memoized(p.memo)
}

// get refers to an object written before.
func (p *pickler) get(at memoized) {
	number := uint32(at - 1)
	if number < 256 {
		p.dst = append(p.dst, opBinGet, byte(number))
		return
	}

	p.dst = append(p.dst, opLongBinGet)
	p.dst = binary.LittleEndian.AppendUint32(p.dst, number)
}
