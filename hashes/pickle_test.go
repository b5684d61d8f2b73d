package hashes

import "testing"

// TestPicklerNumbers: numbers take a byte up to 255, and four from there on.
func TestPicklerNumbers(t *testing.T) {
	for _, test := range []struct {
		number   uint32
		put, get string
	}{
		{0, "q\x00", "h\x00"},
		{255, "q\xff", "h\xff"},
		{256, "r\x00\x01\x00\x00", "j\x00\x01\x00\x00"},
		{0x12345, "r\x45\x23\x01\x00", "j\x45\x23\x01\x00"},
	} {
		p := pickler{memo: test.number}
		at := p.put()
		if got := string(p.dst); got != test.put {
			t.Errorf("%d: put %q", test.number, got)
		}

		p.dst = nil
		p.get(at)
		if got := string(p.dst); got != test.get {
			t.Errorf("%d: get %q", test.number, got)
		}
	}
}

// TestLatin1 encodes bytes as code points once and twice over, and back.
func TestLatin1(t *testing.T) {
	const wire = "a\x7f\x80\xbf\xc0\xff"

	once := string(appendLatin1(nil, wire, 1))
	if want := "a\u007f\u0080\u00bf\u00c0\u00ff"; once != want {
		t.Errorf("once: got %q, want %q", once, want)
	}
	twice := string(appendLatin1(nil, wire, 2))
	if want := string(appendLatin1(nil, once, 1)); twice != want {
		t.Errorf("twice: got %q, want %q", twice, want)
	}
	if got, ok := decodeLatin1(once); !ok || got != wire {
		t.Errorf("back: got %q, %v", got, ok)
	}

	for _, text := range []string{"\x80", "\xff", "\xc0\x80", "\xc1\xbf", "\xc4\x80", "\xc3", "a\xc3a", "\xc2\xc0"} {
		if got, ok := decodeLatin1(text); ok {
			t.Errorf("%q: got %q", text, got)
		}
	}
}
