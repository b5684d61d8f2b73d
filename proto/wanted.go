package proto

// Wanted is a receiver's answer to an offer: send me the object's data (a PUT, or
// the DELETE of a tombstone), its metadata (a POST), or both.
type Wanted struct {
	Hash       Hash
	Data, Meta bool
}

// AppendWanted appends "<hash> d\r\n", with m or dm in place of d, to dst; of
// one that wants nothing it appends nothing, since a bare hash would mean data.
// Source: swift/obj/ssync_receiver.py, encode_wanted.
func AppendWanted(dst []byte, w Wanted) []byte {
	if !w.Data && !w.Meta {
		return dst
	}
	dst = append(w.Hash.AppendTo(dst), ' ')
	if w.Data {
		dst = append(dst, 'd')
	}
	if w.Meta {
		dst = append(dst, 'm')
	}
	return append(dst, '\r', '\n')
}

// AppendWanted2013 appends the bare hash and CRLF, the answer to the verb
// REPLICATION: its senders take the whole line for the hash and would skip
// anything else without a word. Either of the two flags asks for it, because
// they send data and metadata merged.
func AppendWanted2013(dst []byte, w Wanted) []byte {
	if !w.Data && !w.Meta {
		return dst
	}
	return append(w.Hash.AppendTo(dst), '\r', '\n')
}

// HasWantedFlags tells whether a wanted line says which part is wanted. Receivers
// before 2.5 write the hash alone, and have compared one time of the offer only.
func HasWantedFlags(line []byte) bool {
	_, rest := cutWord(line)
	letters, _ := cutWord(rest)
	for _, c := range letters {
		if c == 'd' || c == 'm' {
			return true
		}
	}
	return false
}

// ParseWanted reads a wanted line of either generation without its line end.
// Letters other than d and m are ignored; with neither, as from receivers before
// 2.5, data is wanted. An :ERROR: line is an error here, while Swift would take
// it for a hash. Source: swift/obj/ssync_sender.py, decode_wanted.
func ParseWanted(line []byte) (Wanted, error) {
	hash, rest := cutWord(line)
	letters, _ := cutWord(rest)

	var w Wanted
	var err error
	if w.Hash, err = ParseHash(hash); err != nil {
		return Wanted{}, err
	}
	for _, c := range letters {
		w.Data = w.Data || c == 'd'
		w.Meta = w.Meta || c == 'm'
	}
	if !w.Meta {
		w.Data = true
	}
	return w, nil
}
