package hashes

import (
	"bytes"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	ogorek "github.com/kisielk/og-rek"
)

// dict builds a Dict from alternating keys and values.
func dict(pairs ...Value) *Dict {
	d := new(Dict)
	for i := 0; i < len(pairs); i += 2 {
		d.set(pairs[i], pairs[i+1])
	}

	return d
}

var ignoreIndex = cmpopts.IgnoreUnexported(Dict{})

// asyncPending is an async_pending record as Python 3 pickles it, in protocols
// 0 and 1: {op, headers: HeaderKeyDict, db_state, n, successes, f}.
const (
	asyncZero = "286470300a566f700a70310a565055540a70320a7356686561646572730a70330a63636f70795f7265670a5f7265636f6e7374727563746f720a70340a286373776966742e636f6d6d6f6e2e6865616465725f6b65795f646963740a4865616465724b6579446963740a70350a635f5f6275696c74696e5f5f0a646963740a70360a286470370a56582d53697a650a70380a56350a70390a7356582d410a7031300a56e90a7031310a737470" +
		"31320a527031330a735664625f73746174650a7031340a4e73566e0a7031350a286c7031360a49310a6149320a6156780a7031370a6173567375636365737365730a7031380a286c7031390a49300a6149350a61493330300a614937303030300a61492d310a617356660a7032300a46312e350a732e"
	asyncOne = "7d71002858020000006f70710158030000005055547102580700000068656164657273710363636f70795f7265670a5f7265636f6e7374727563746f720a7104286373776966742e636f6d6d6f6e2e6865616465725f6b65795f646963740a4865616465724b6579446963740a7105635f5f6275696c74696e5f5f0a646963740a71067d7107285806000000582d53697a65710858010000003571095803000000582d41710a5802000000c3a971" +
		"0b7574710c52710d580800000064625f7374617465710e4e58010000006e710f5d7110284b014b02580100000078711165580900000073756363657373657371125d7113284b004b054d2c014a701101004affffffff655801000000667114473ff8000000000000752e"
)

// TestUnpickle reads every opcode.
func TestUnpickle(t *testing.T) {
	async := dict(
		"op", "PUT", "headers", dict("X-Size", "5", "X-A", "é"), "db_state", nil,
		"n", List{int64(1), int64(2), "x"},
		"successes", List{int64(0), int64(5), int64(300), int64(70000), int64(-1)}, "f", 1.5,
	)

	for _, test := range []struct {
		what, pickle string
		want         Value
	}{
		{"None", "N.", nil},
		{"booleans", "\x80\x02\x88\x89\x86.", Tuple{true, false}},
		{"booleans of protocol 0", "(I01\nI00\nt.", Tuple{true, false}},
		{"short integers", "K\xffM\x00\x01J\xff\xff\xff\xff\x87.", Tuple{int64(255), int64(256), int64(-1)}},
		{"text integers", "(I-5\nL7L\nL8\nI1\nt.", Tuple{int64(-5), int64(7), int64(8), int64(1)}},
		{"long integers", "(\x8a\x00\x8a\x01\xff\x8a\x02\xff\x00\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80t.", Tuple{int64(0), int64(-1), int64(255), int64(math.MinInt64)}},
		{"floats", "F1e3\nG\x3f\xf8\x00\x00\x00\x00\x00\x00\x86.", Tuple{1000.0, 1.5}},
		{"byte strings", "(U\x01aT\x02\x00\x00\x00\xff\x00S'b'\nS\"\"\nt.", Tuple{Bytes("a"), Bytes("\xff\x00"), Bytes("b"), Bytes("")}},
		{"escapes", `S'\\\'\"\n\r\t\xe9\q\x1'` + "\n.", Bytes("\\'\"\n\r\t\xe9\\q\\x1")},
		{"text", "(X\x02\x00\x00\x00\xc3\xa9V\xe9\\u4e16\\U0001f600\\x\\u12\nt.", Tuple{"é", "é世😀\\x\\u12"}},
		{"lists", "](K\x01K\x02e]K\x03a(K\x04l\x87.", Tuple{List{int64(1), int64(2)}, List{int64(3)}, List{int64(4)}}},
		{"tuples", "()K\x01\x85(K\x02tt.", Tuple{Tuple{}, Tuple{int64(1)}, Tuple{int64(2)}}},
		{"dicts", "}(K\x01K\x02K\x03Nu}NK\x04s(K\x05K\x06d\x87.", Tuple{dict(int64(1), int64(2), int64(3), nil), dict(nil, int64(4)), dict(int64(5), int64(6))}},
		{"a key twice", "}(K\x01K\x02K\x03NK\x01K\x04u.", dict(int64(1), int64(4), int64(3), nil)},
		{"pops", "K\x01K\x020(K\x031(0.", int64(1)},
		{"numbers", "(U\x01ap7\n0U\x01bq\x030U\x01cr\x09\x00\x00\x00g7\nh\x03j\x09\x00\x00\x00t.", Tuple{Bytes("c"), Bytes("a"), Bytes("b"), Bytes("c")}},
		{"bytes", "c_codecs\nencode\nX\x02\x00\x00\x00\xc3\xa9X\x07\x00\x00\x00latin-1\x86R.", Bytes("\xe9")},
		{"empty ones", "c__builtin__\nbytes\n)Rcbuiltins\ndict\n(tR\x86.", Tuple{Bytes(""), dict()}},
		{"a class without state", "ccopyreg\n_reconstructor\n(cswift.common.header_key_dict\nHeaderKeyDict\nc__builtin__\nobject\nNtR.", dict()},
		{"a record, protocol 0", string(unhex(t, asyncZero)), async},
		{"a record, protocol 1", string(unhex(t, asyncOne)), async},
	} {
		got, err := Unpickle([]byte(test.pickle), Limits{})
		if err != nil {
			t.Errorf("%s: %v", test.what, err)
		}
		if diff := cmp.Diff(test.want, got, ignoreIndex, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}

// TestUnpickleDeepest: the default depth, and no level more or less.
func TestUnpickleDeepest(t *testing.T) {
	v, err := Unpickle([]byte(strings.Repeat("(", 32)+strings.Repeat("l", 32)+"."), Limits{})
	if err != nil {
		t.Fatal(err)
	}

	depth := 0
	for list, ok := v.(List); ok; depth++ {
		if len(list) == 0 {
			depth++
			break
		}
		list, ok = list[0].(List)
	}
	if depth != 32 {
		t.Errorf("got %d lists in each other", depth)
	}
}

// TestUnpickleRefuses names what is wrong, and executes nothing.
func TestUnpickleRefuses(t *testing.T) {
	for _, test := range []struct{ what, pickle, err string }{
		{"nothing", "", "pickle at byte 0: it ends in the middle"},
		{"another protocol", "\x80\x03N.", "protocol 3"},
		{"an opcode of protocol 4", "\x80\x02\x8c\x01a.", "pickle at byte 2: opcode 0x8c"},
		{"a build", "}}b.", "opcode 0x62"},
		{"a new object", "c__builtin__\ndict\n)\x81.", "opcode 0x81"},
		{"an instance", "(i__builtin__\ndict\n.", "opcode 0x69"},
		{"a persistent id", "P1\n.", "opcode 0x50"},
		{"an extension", "\x82\x01.", "opcode 0x82"},
		{"a command", "cos\nsystem\n(S'true'\ntR.", `global "os.system" is not accepted`},
		{"an evaluation", "c__builtin__\neval\n.", `global "builtins.eval" is not accepted`},
		{"a long global", "c" + strings.Repeat("m", 1000) + "\nx\n.", `global "` + strings.Repeat("m", 64) + `" is not accepted`},
		{"a global alone", "c__builtin__\ndict\n.", "stands for itself"},
		{"a global in a dict", "}Nc__builtin__\ndict\ns.", "stands for itself"},
		{"a global in a list", "]c__builtin__\ndict\na.", "stands for itself"},
		{"a global as a key", "}c__builtin__\ndict\nNs.", "a key of type"},
		{"a global in a tuple", "c__builtin__\ndict\n\x85.", "stands for itself"},
		{"a global in two tuples", "c__builtin__\ndict\n\x85\x85.", "stands for itself"},
		{"another class", "ccopy_reg\n_reconstructor\n(c__builtin__\nobject\nc__builtin__\nobject\nNtR.", "with a class"},
		{"another state", "ccopy_reg\n_reconstructor\n(c__builtin__\ndict\nc__builtin__\ndict\nK\x01tR.", "a state of type int64"},
		{"a call of text", "U\x01a)R.", "no global"},
		{"a call without a tuple", "c__builtin__\ndict\nNR.", "without a tuple"},
		{"a call with more arguments", "c__builtin__\ndict\nN\x85R.", "with 1 arguments"},
		{"another encoding", "c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00utf-8\x86R.", "text and latin1"},
		{"text beyond Latin-1", "c_codecs\nencode\nX\x02\x00\x00\x00\xc4\x80X\x06\x00\x00\x00latin1\x86R.", "not Latin-1"},
		{"text that is not UTF-8", "X\x01\x00\x00\x00\xff.", "not UTF-8"},
		{"an empty stack", ".", "stack is empty"},
		{"a mark below", "N(.", "stack is empty"},
		{"no mark", "t.", "no mark"},
		{"a key alone", "(Nd.", "key without a value"},
		{"a dict as a key", "}}Ns.", "a key of type *hashes.Dict"},
		{"items of a list", "]NNs.", "no dict"},
		{"items appended to a dict", "}Na.", "no list"},
		{"a number not given", "h\x05.", "never given"},
		{"a large number", "Nr\xff\xff\xff\x7f.", "memo number 2147483647 after 6 bytes"},
		{"a list again", "]q\x00h\x00.", "is a container"},
		{"a list in itself", "]q\x00h\x00a.", "is a container"},
		{"a dict again", "}q\x00h\x00.", "is a container"},
		{"a tuple doubled", ")q\x00h\x00\x86q\x01.", "is a container"},
		{"too deep", strings.Repeat("(", 33) + strings.Repeat("l", 33) + ".", "nest deeper than 32"},
		{"tuples too deep", ")" + strings.Repeat("\x85", 40) + ".", "nest deeper than 32"},
		{"dicts too deep", strings.Repeat("}N", 40) + "N" + strings.Repeat("s", 40) + ".", "nest deeper than 32"},
		{"a length beyond the end", "X\xff\xff\xff\xffa.", "ends in the middle"},
		{"a line without its end", "I5", "in the middle of a line"},
		{"a large integer", "\x8a\x09123456789.", "an integer of 9 bytes"},
		{"a bad integer", "Ifive\n.", `integer "five"`},
		{"a bad float", "Ffive\n.", `float "five"`},
		{"a bad number", "gx\n.", `memo number "x"`},
		{"a string without quotes", "Sabc\n.", "not in quotes"},
		{"a single quote", "S'\n.", "not in quotes"},
	} {
		v, err := Unpickle([]byte(test.pickle), Limits{})

		var pickleError *PickleError
		if !errors.As(err, &pickleError) || !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: got %v, error %v", test.what, v, err)
		}
	}
}

func TestUnpickleLimits(t *testing.T) {
	pickle := []byte("\x80\x02](]K\x01ae.")

	for _, test := range []struct {
		what   string
		limits Limits
		err    string
	}{
		{"just enough", Limits{Bytes: 10, Depth: 2, Items: 4}, ""},
		{"too long", Limits{Bytes: 9}, "10 bytes are more than 9"},
		{"too deep", Limits{Depth: 1}, "nest deeper than 1"},
		{"too many", Limits{Items: 3}, "more than 3 items"},
	} {
		_, err := Unpickle(pickle, test.limits)
		if (err == nil) != (test.err == "") || (err != nil && !strings.Contains(err.Error(), test.err)) {
			t.Errorf("%s: got error %v", test.what, err)
		}
	}
}

// TestUnpickleMemory: pickles made to grow take no more than is said of
// Limits.Items. What is counted here is all that was ever allocated: a stack
// entry of 24 bytes, five times over as slices of this size grow by a quarter;
// and the 40 bytes of a Dict.
func TestUnpickleMemory(t *testing.T) {
	const size = 1 << 16

	for _, test := range []struct{ what, unit string }{
		{"marks", "("},
		{"dicts", "}"},
		{"lists", "]"},
		{"numbered", "Nr\xff\x7f\x00\x00"},
		{"numbered in lines", "Np32767\n"},
		{"integers", "K\x01"},
		{"lines", "I1\n"},
		{"strings", "U\x00"},
		{"strings again", "U\x01aq\x00h\x00h\x00h\x00"},
	} {
		pickle := []byte(strings.Repeat(test.unit, size/len(test.unit)))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = Unpickle(pickle, Limits{})
		runtime.ReadMemStats(&after)

		if got := (after.TotalAlloc - before.TotalAlloc) / size; got > 160 {
			t.Errorf("%s: %d bytes allocated for each read", test.what, got)
		}
	}
}

// TestUnpickleOracle: an independent reader finds the same in what Swift and
// we write.
func TestUnpickleOracle(t *testing.T) {
	var pickles [][]byte
	for _, test := range golden[goldenMetadata](t, "metadata") {
		if test.Pickle != "" && test.Case != "empty values" { // which it does not call
			pickles = append(pickles, unhex(t, test.Pickle))
		}
	}
	h := PartitionHashes{Valid: true, Updated: 1.5, Digests: manyDigests(1500)}
	pickles = append(pickles, AppendHashesPkl(nil, h), AppendReplicateAnswer(nil, h.Digests), AppendNone(nil))

	for _, pickle := range pickles {
		theirs, err := ogorek.NewDecoder(bytes.NewReader(pickle)).Decode()
		if err != nil {
			t.Fatal(err)
		}
		ours, err := Unpickle(pickle, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plainOfOracle(theirs), plainOfOurs(ours)); diff != "" {
			t.Errorf("%.64q (-oracle +ours):\n%s", pickle, diff)
		}
	}
}

// The two readers have their own types for the same things; these take them to
// common ones. Keys of dicts become text, marked if they were bytes.

func plainOfOracle(v any) any {
	switch v := v.(type) {
	case map[any]any:
		out := map[string]any{}
		for key, value := range v {
			out[keyText(plainOfOracle(key))] = plainOfOracle(value)
		}
		return out
	case ogorek.Bytes:
		return Bytes(v)
	case ogorek.None:
		return nil
	default:
		return v
	}
}

func plainOfOurs(v Value) any {
	if d, ok := v.(*Dict); ok {
		out := map[string]any{}
		for _, item := range d.Items {
			out[keyText(item.Key)] = plainOfOurs(item.Value)
		}
		return out
	}

	return v
}

func keyText(key any) string {
	if b, ok := key.(Bytes); ok {
		return "bytes " + string(b)
	}

	return key.(string)
}

// TestDictIndex: a Dict finds its keys whether it has few or many.
func TestDictIndex(t *testing.T) {
	d := new(Dict)
	for i := range int64(100) {
		d.set(i, i)
		d.set(i/2, "again")
	}
	for i := range int64(100) {
		want := Value(i)
		if i < 50 {
			want = "again"
		}
		if got, ok := d.Get(i); !ok || got != want {
			t.Errorf("%d: got %v, %v", i, got, ok)
		}
	}
	if _, ok := d.Get("0"); ok || len(d.Items) != 100 {
		t.Errorf("%d items, or text is found", len(d.Items))
	}
}

// FuzzUnpickle: what is accepted contains only the documented types, no deeper
// than allowed, and a cut pickle is refused.
func FuzzUnpickle(f *testing.F) {
	for _, test := range golden[goldenMetadata](f, "metadata") {
		if len(test.Pickle) < 2000 {
			f.Add(unhex(f, test.Pickle))
		}
	}
	f.Add(unhex(f, asyncZero))
	f.Add(unhex(f, asyncOne))
	f.Add([]byte("(U\x01ap7\n0U\x01bq\x030U\x01cr\x09\x00\x00\x00g7\nh\x03j\x09\x00\x00\x00t."))
	f.Add([]byte("(\x8a\x02\xff\x00F1e3\nI01\nL7L\nS'\\xff'\nV\\u4e16\n](e}(d)\x85t."))

	f.Fuzz(func(t *testing.T, data []byte) {
		limits := Limits{Bytes: 1 << 16, Depth: 8, Items: 1 << 12}
		v, err := Unpickle(data, limits)
		if err != nil {
			return
		}
		checkValue(t, v, limits.Depth)

		end := len(data)
		for end > 0 && data[end-1] != opStop {
			end--
		}
		if again, err := Unpickle(data[:end], limits); err != nil {
			t.Fatalf("%v, but without what follows %v, %v", v, again, err)
		}
	})
}

func checkValue(t *testing.T, v Value, depth int) {
	if depth < 0 {
		t.Fatal("nests too deep")
	}

	switch v := v.(type) {
	case nil, bool, int64, float64, string, Bytes:
	case List:
		for _, e := range v {
			checkValue(t, e, depth-1)
		}
	case Tuple:
		for _, e := range v {
			checkValue(t, e, depth-1)
		}
	case *Dict:
		for _, item := range v.Items {
			if !hashable(item.Key) {
				t.Fatalf("a key of type %T", item.Key)
			}
			checkValue(t, item.Value, depth-1)
		}
	default:
		t.Fatalf("a value of type %T", v)
	}
}
