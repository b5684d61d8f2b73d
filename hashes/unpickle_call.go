package hashes

import "strings"

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
