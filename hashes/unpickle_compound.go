package hashes

// This file builds containers.

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
