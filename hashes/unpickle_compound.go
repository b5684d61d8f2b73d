package hashes

import (
	"strconv"
	"strings"
)

// This file builds containers, keeps the memo and answers calls.

// fromMark makes a container of everything above the last mark.
func (u *unpickler) fromMark(op byte) error {
	taken, err := u.popMark()
	if err != nil {
		return err
	}

	switch op {
	case opTuple:
		return u.tuple(taken)
	case opList:
		list, depth, err := u.extend(nil, 1, taken)
		if err != nil {
			return err
		}
		return u.push(list, depth)
	default:
		d := new(Dict)
		depth, err := u.fill(d, 1, taken)
		if err != nil {
			return err
		}
		return u.push(d, depth)
	}
}

func (u *unpickler) shortTuple(n int) error {
	taken, err := u.popN(n)
	if err != nil {
		return err
	}

	return u.tuple(taken)
}

// tuple pushes a Tuple, or arguments if a global is among the elements.
func (u *unpickler) tuple(taken []entry) error {
	values := make([]Value, len(taken))
	depth, call := 1, false
	for i, e := range taken {
		values[i] = e.value
		depth = max(depth, e.depth+1)
		if _, nested := e.value.(arguments); nested {
			return u.plain(e.value)
		}
		if _, isGlobal := e.value.(global); isGlobal {
			call = true
		}
	}

	if call {
		return u.push(arguments(values), depth)
	}

	return u.push(Tuple(values), depth)
}

// setItems puts one pair, or all above the mark, into the dict below.
func (u *unpickler) setItems(op byte) error {
	taken, err := u.operands(op == opSetItem, 2)
	if err != nil {
		return err
	}

	top, err := u.top()
	if err != nil {
		return err
	}
	d, ok := top.value.(*Dict)
	if !ok {
		return u.fail("items are set in what is no dict")
	}

	top.depth, err = u.fill(d, top.depth, taken)

	return err
}

// appendItems puts one value, or all above the mark, into the list below.
func (u *unpickler) appendItems(op byte) error {
	taken, err := u.operands(op == opAppend, 1)
	if err != nil {
		return err
	}

	top, err := u.top()
	if err != nil {
		return err
	}
	list, ok := top.value.(List)
	if !ok {
		return u.fail("items are appended to what is no list")
	}

	list, top.depth, err = u.extend(list, top.depth, taken)
	top.value = list

	return err
}

func (u *unpickler) operands(single bool, n int) ([]entry, error) {
	if single {
		return u.popN(n)
	}

	return u.popMark()
}

func (u *unpickler) top() (*entry, error) {
	if len(u.stack) <= u.floor() {
		return nil, u.fail("the stack is empty")
	}

	return &u.stack[len(u.stack)-1], nil
}

// fill sets alternating keys and values, and returns how deep d nests now.
func (u *unpickler) fill(d *Dict, depth int, taken []entry) (int, error) {
	if len(taken)%2 != 0 {
		return 0, u.fail("a key without a value")
	}

	for i := 0; i < len(taken); i += 2 {
		key, value := taken[i].value, taken[i+1]
		if !hashable(key) {
			return 0, u.fail("a key of type %T", key)
		}
		if err := u.admit(value); err != nil {
			return 0, err
		}
		d.set(key, value.value)
		depth = max(depth, value.depth+1)
	}

	return depth, nil
}

func (u *unpickler) extend(list List, depth int, taken []entry) (List, int, error) {
	for _, e := range taken {
		if err := u.admit(e); err != nil {
			return nil, 0, err
		}
		list = append(list, e.value)
		depth = max(depth, e.depth+1)
	}

	return list, depth, nil
}

// admit checks a value that goes into a container.
func (u *unpickler) admit(e entry) error {
	if e.depth >= u.limits.Depth {
		return u.fail("containers nest deeper than %d", u.limits.Depth)
	}

	return u.plain(e.value)
}

// container stands in the memo for a list, tuple or dict: those are numbered
// by every pickler, but to refer to one again could make it contain itself, or
// make a short pickle unfold into a huge value.
type container struct{}

// put numbers the value on top of the stack.
func (u *unpickler) put(op byte) error {
	at, err := u.memoIndex(op, opPut, opBinPut)
	if err != nil {
		return err
	}
	top, err := u.top()
	if err != nil {
		return err
	}

	// Picklers count from 0 or 1, and nothing can be numbered in less than
	// three bytes: an opcode for it and two for the number.
	if at > len(u.data)/2 {
		return u.fail("memo number %d in %d bytes", at, len(u.data))
	}
	for at >= len(u.memo) {
		u.memo = append(u.memo, nil)
	}

	u.memo[at] = top.value
	if top.depth > 0 {
		u.memo[at] = container{}
	}

	return nil
}

// get pushes a value that was numbered.
func (u *unpickler) get(op byte) error {
	at, err := u.memoIndex(op, opGet, opBinGet)
	if err != nil {
		return err
	}
	if at >= len(u.memo) || u.memo[at] == nil {
		return u.fail("memo number %d was never given", at)
	}
	if u.memo[at] == (container{}) {
		return u.fail("memo number %d is a container", at)
	}

	return u.push(u.memo[at], 0)
}

// memoIndex reads a memo number: a line, a byte or four bytes.
func (u *unpickler) memoIndex(op, text, short byte) (int, error) {
	switch op {
	case text:
		line, err := u.line()
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseUint(line, 10, 31)
		if err != nil {
			return 0, u.fail("memo number %.64q", line)
		}
		return int(n), nil
	case short:
		n, err := u.unsigned(1)
		return int(n), err
	default:
		n, err := u.unsigned(4)
		return int(n), err
	}
}

// The globals, by their Python 3 names.
const (
	globalEncode        global = "_codecs.encode"
	globalReconstructor global = "copyreg._reconstructor"
	globalHeaderKeyDict global = "swift.common.header_key_dict.HeaderKeyDict"
	globalObject        global = "builtins.object"
	globalDict          global = "builtins.dict"
	globalBytes         global = "builtins.bytes"
)

// global reads a module line and a name line.
func (u *unpickler) global() error {
	module, err := u.line()
	if err != nil {
		return err
	}
	name, err := u.line()
	if err != nil {
		return err
	}

	switch module {
	case "copy_reg":
		module = "copyreg"
	case "__builtin__":
		module = "builtins"
	}

	switch g := global(module + "." + name); g {
	case globalEncode, globalReconstructor, globalHeaderKeyDict,
		globalObject, globalDict, globalBytes:
		return u.push(g, 0)
	default:
		return u.fail("global %.64q is not accepted", strings.ToValidUTF8(string(g), "?"))
	}
}

// reduce answers a call of a global with a tuple.
func (u *unpickler) reduce() error {
	taken, err := u.popN(2)
	if err != nil {
		return err
	}
	callable, ok := taken[0].value.(global)
	if !ok {
		return u.fail("a call of what is no global")
	}

	switch args := taken[1].value.(type) {
	case Tuple:
		return u.call(callable, args)
	case arguments:
		return u.reconstruct(callable, args, taken[1].depth)
	default:
		return u.fail("a call of %s without a tuple", callable)
	}
}

func (u *unpickler) call(callable global, args Tuple) error {
	switch {
	case callable == globalEncode && len(args) == 2:
		return u.encode(args)
	case callable == globalDict && len(args) == 0:
		return u.push(new(Dict), 1)
	case callable == globalBytes && len(args) == 0:
		return u.push(Bytes(""), 0)
	default:
		return u.fail("a call of %s with %d arguments", callable, len(args))
	}
}

// encode answers _codecs.encode(text, "latin1").
func (u *unpickler) encode(args Tuple) error {
	text, ok := args[0].(string)
	if !ok || (args[1] != "latin1" && args[1] != "latin-1") {
		return u.fail("a call of %s other than with text and latin1", globalEncode)
	}

	s, ok := decodeLatin1(text)
	if !ok {
		return u.fail("text %.64q is not Latin-1", text)
	}

	return u.push(Bytes(s), 0)
}

// reconstruct answers copyreg._reconstructor(class, base, state): protocols 0
// and 1 write an instance of a dict's subclass so.
func (u *unpickler) reconstruct(callable global, args arguments, depth int) error {
	if callable != globalReconstructor || len(args) != 3 ||
		(args[0] != globalHeaderKeyDict && args[0] != globalDict) {
		return u.fail("a call of %s with a class", callable)
	}

	switch state := args[2].(type) {
	case *Dict:
		// It was in the tuple alone, so nobody else can change it; and the
		// tuple nested at least one deeper.
		return u.push(state, depth-1)
	case nil:
		return u.push(new(Dict), 1)
	default:
		return u.fail("a call of %s with a state of type %T", callable, state)
	}
}
