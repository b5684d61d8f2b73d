package hashes

import "strconv"

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

	// Picklers count from 0 or 1, and take more than a byte for each number.
	if at > max(u.pos, 255) {
		return u.fail("memo number %d after %d bytes", at, u.pos)
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
