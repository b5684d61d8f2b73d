package hashes

// Value is what a pickle can hold here; one of
//
//	nil, bool, int64, float64
//	string   text, in UTF-8
//	Bytes    a byte string
//	*Dict
//	List, Tuple
type Value any

// Bytes is a Python byte string: Python 3's bytes, Python 2's str.
type Bytes string

// List and Tuple are Python's.
type (
	List  []Value
	Tuple []Value
)

// Dict is a Python dict in the order of its insertion. Keys are scalars.
type Dict struct {
	Items []Item

	// index finds a key among many; nil while a scan is as quick.
	index map[Value]int
}

// Item is a pair of a Dict.
type Item struct {
	Key, Value Value
}

// scanItems is up to how many keys a Dict is searched without an index.
const scanItems = 16

// Get returns the value of a key.
func (d *Dict) Get(key Value) (Value, bool) {
	if i := d.find(key); i >= 0 {
		return d.Items[i].Value, true
	}

	return nil, false
}

// set keeps the place of a key that is there already, as Python does.
func (d *Dict) set(key, value Value) {
	if i := d.find(key); i >= 0 {
		d.Items[i].Value = value
		return
	}

	d.Items = append(d.Items, Item{key, value})
	if d.index != nil {
		d.index[key] = len(d.Items) - 1
	} else if len(d.Items) > scanItems {
		d.index = make(map[Value]int, 2*len(d.Items))
		for i, item := range d.Items {
			d.index[item.Key] = i
		}
	}
}

func (d *Dict) find(key Value) int {
	if d.index != nil {
		if i, ok := d.index[key]; ok {
			return i
		}
		return -1
	}

	for i := range d.Items {
		if d.Items[i].Key == key {
			return i
		}
	}

	return -1
}

// hashable reports whether v can be a key. Tuples could in Python, but nothing
// of Swift's has such keys.
func hashable(v Value) bool {
	switch v.(type) {
	case nil, bool, int64, float64, string, Bytes:
		return true
	default:
		return false
	}
}
