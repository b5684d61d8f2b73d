package hashes

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestSecret: the bytes that Swift's validate_hash_conf gave for the same
// files (2.30.1 on Python 3.11), and its refusals.
func TestSecret(t *testing.T) {
	const none = "[swift-hash] gives neither"

	for _, test := range []struct {
		what, conf     string
		prefix, suffix string
		err            string
	}{
		{"both", "swift_hash_path_prefix = pre\nswift_hash_path_suffix=suf\n", "pre", "suf", ""},
		{"a colon", "swift_hash_path_suffix : x\\\n", "", "x\\", ""},
		{"other delimiters in the value", "SWIFT_hash_path_suffix=a=b:c\n", "", "a=b:c", ""},
		{"quotes and comment signs", "swift_hash_path_suffix = \"x\" ; y # z\n", "", `"x" ; y # z`, ""},
		{"backquotes", "swift_hash_path_suffix=```a\n", "", "```a", ""},
		{"triple quotes", "swift_hash_path_suffix=\"\"\"a\n", "", `"""a`, ""},
		{"Latin-1, with a blank of Latin-1 at its end", "swift_hash_path_suffix = \xe9\xa0\n", "", "\xe9", ""},
		{"UTF-8", "swift_hash_path_suffix = é世\n", "", "é世", ""},
		{"control bytes", "swift_hash_path_suffix=a\x0b\x0cb\x1c\n", "", "a\x0b\x0cb", ""},
		{"a second line", "swift_hash_path_suffix = x\n  y=z\n", "", "x\ny=z", ""},
		{"only a second line", "swift_hash_path_suffix =\n  a\n", "", "\na", ""},
		{"a header as a second line", "swift_hash_path_suffix = a\n  [b]\n", "", "a\n[b]", ""},
		{"blank lines and comments in a value", "swift_hash_path_suffix=a\n\n  \n  b\n#c\n d\n", "", "a\n\n\nb\nd", ""},
		{"a line indented by a blank of Latin-1", "swift_hash_path_suffix=a\n\xa0k=v\n", "", "a\nk=v", ""},
		{"all keys indented", " swift_hash_path_suffix=a\n swift_hash_path_prefix=b\n", "b", "a", ""},
		{"CR and CRLF", "swift_hash_path_suffix=a\rswift_hash_path_prefix=b\r\n", "b", "a", ""},
		{"no end of the last line", "swift_hash_path_suffix=a", "", "a", ""},
		{"the defaults", "swift_hash_path_suffix=a\n[DEFAULT]\nswift_hash_path_prefix=q\n", "q", "a", ""},
		{"text behind a header", "swift_hash_path_suffix=a\n[x] y\nk=v\n", "", "a", ""},
		{"a doubled percent sign", "swift_hash_path_suffix = a%%b\n", "", "a%b", ""},
		{"a reference", "swift_hash_path_suffix=%(P)s\np=%(q)s%%\nq=1\n", "", "1%", ""},
		{"a bad value elsewhere", "other=%zz\nswift_hash_path_suffix=a\n", "", "a", ""},

		// Python 3 refuses this one, Python 2 took it as it stands.
		{"a percent sign", "swift_hash_path_suffix = a%b%%\n", "", "a%b%%", ""},

		{"neither", "\n", "", "", none},
		{"empty ones", "swift_hash_path_suffix=\nswift_hash_path_prefix= \n", "", "", none},
		{"a key without a value", "swift_hash_path_suffix\n", "", "", `line 2: "swift_hash_path_suffix" is not of the form`},
		{"a value without a key", "=a\n", "", "", "line 2"},
		{"a line of text", "swift_hash_path_suffix=a\n;c\n rem x\nREM y\n", "", "", `line 5: "REM y"`},
		{"a byte order mark", "\xef\xbb\xbf[x]\n", "", "", "line 2"},
		{"a key twice", "swift_hash_path_suffix=a\nswift_hash_path_suffix=b\n", "", "", "line 3"},
		{"a section twice", "swift_hash_path_suffix=a\n[swift-hash]\n", "", "", "line 3"},
		{"a reference to nothing", "swift_hash_path_suffix=%(nope)s\n", "", "", "refers to nothing"},
		{"a reference cut short", "swift_hash_path_suffix=%(nope\n", "", "", "must be followed"},
		{"a reference to itself", "swift_hash_path_suffix=%(swift_hash_path_suffix)s\n", "", "", "nest deeper"},
		{"references that explode", explosive(), "", "", "longer than"},
	} {
		c, err := ParseSwiftConf([]byte("[swift-hash]\n" + test.conf))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: got error %v", test.what, err)
			}
			if (test.err == none) != errors.Is(err, ErrNoSecret) {
				t.Errorf("%s: got error %v", test.what, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.what, err)
			continue
		}
		if want := (Secret{test.prefix, test.suffix}); c.Secret != want {
			t.Errorf("%s: got %q, want %q", test.what, c.Secret, want)
		}
	}

	if _, err := ParseSwiftConf([]byte("k=v\n[swift-hash]\n")); err == nil || !strings.Contains(err.Error(), "before the first section") {
		t.Errorf("no header: got error %v", err)
	}
	if _, err := ParseSwiftConf(nil); !errors.Is(err, ErrNoSecret) {
		t.Errorf("nothing: got error %v", err)
	}
}

// explosive is a value that doubles ten times over, eight times in a row.
func explosive() string {
	conf := "a0=" + strings.Repeat("x", 1000) + "\n"
	for i := range 9 {
		conf += "a" + string(rune('1'+i)) + "=" + strings.Repeat("%(a"+string(rune('0'+i))+")s", 100) + "\n"
	}

	return conf + "swift_hash_path_suffix=%(a9)s\n"
}

const secretConf = "[swift-hash]\nswift_hash_path_suffix = suf\n"

func TestConstraints(t *testing.T) {
	c, err := ParseSwiftConf([]byte(secretConf))
	if err != nil {
		t.Fatal(err)
	}
	want := &Cluster{
		Secret:      Secret{Suffix: "suf"},
		Policies:    []Policy{{Name: "Policy-0", Default: true}},
		MaxFileSize: 5368709122,
		Constraints: Constraints{
			MaxMetaNameLength: 128, MaxMetaValueLength: 256, MaxMetaCount: 90, MaxMetaOverallSize: 4096,
			MaxHeaderSize: 8192, MaxObjectNameLength: 1024,
		},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}

	c, err = ParseSwiftConf([]byte(secretConf + "[swift-constraints]\nmax_file_size = 1_000\nmax_meta_count=7\nextra_header_count = -1\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxFileSize != 1000 || c.Constraints.MaxMetaCount != 7 || c.Constraints.ExtraHeaderCount != -1 {
		t.Errorf("got %+v", c)
	}

	_, err = ParseSwiftConf([]byte(secretConf + "[swift-constraints]\nmax_file_size = 5G\n"))
	if err == nil || !strings.Contains(err.Error(), `max_file_size: "5G" is not an integer`) {
		t.Errorf("got error %v", err)
	}
}

func TestPolicies(t *testing.T) {
	const zero = "[storage-policy:0]\nname = gold\ndefault = yes\n"

	for _, test := range []struct {
		what, conf string
		want       []Policy
		err        string
	}{
		{"one", "[storage-policy:0]\nname=gold\n", []Policy{{Name: "gold", Default: true}}, ""},
		{
			"three, out of order",
			"[storage-policy:2]\nname=ec\npolicy_type=erasure_coding\nec_type=isa_l_rs_cauchy\nec_num_data_fragments=4\n" +
				"ec_num_parity_fragments=2\nec_duplication_factor=2\n" + zero +
				"[storage-policy:01]\nname=silver\naliases = silver, Tin ,,lead\ndeprecated=On\ndiskfile_module=egg:swift#replication.fs\n",
			[]Policy{
				{Name: "gold", Default: true},
				{Index: 1, Name: "silver", Aliases: []string{"Tin", "lead"}, Deprecated: true},
				{Index: 2, Name: "ec", Kind: ErasureCoding, Fragments: 6},
			}, "",
		},
		{"a reference", "[storage-policy:0]\nname=%(aliases)s\naliases=gold\n", []Policy{{Name: "gold", Default: true}}, ""},

		{"no index", "[storage-policy:x]\nname=gold\n", nil, `"x" is not an index`},
		{"a negative index", "[storage-policy:-1]\nname=gold\n", nil, "is not an index"},
		{"no policy 0", "[storage-policy:1]\nname=gold\ndefault=yes\n", nil, "none has the index 0"},
		{"an index twice", zero + "[storage-policy:00]\nname=silver\n", nil, "the index 0"},
		{"no name", "[storage-policy:0]\ndefault=yes\n", nil, "name is missing"},
		{"a bad name", "[storage-policy:0]\nname=my gold\n", nil, `name "my gold"`},
		{"a name twice", zero + "[storage-policy:1]\nname=GOLD\n", nil, `the name "GOLD"`},
		{"an alias of its own name", "[storage-policy:0]\nname=gold\naliases=Gold\n", nil, `the name "Gold"`},
		{"a reserved name", zero + "[storage-policy:1]\nname=policy-0\n", nil, "reserved"},
		{"no default", "[storage-policy:0]\nname=gold\n[storage-policy:1]\nname=silver\n", nil, "0 storage policies are the default"},
		{"two defaults", zero + "[storage-policy:1]\nname=silver\ndefault=1\n", nil, "2 storage policies are the default"},
		{"a deprecated default", zero + "deprecated=yes\n", nil, "deprecated policy cannot be"},
		{"all deprecated", "[storage-policy:0]\nname=gold\ndeprecated=yes\n", nil, "every storage policy is deprecated"},
		{"an unknown option", zero + "colour=red\n", nil, `option "colour" is unknown`},
		{"an option of another kind", zero + "ec_type=x\n", nil, `option "ec_type" is unknown`},
		{"a default option", zero + "[DEFAULT]\ncolour=red\n", nil, `option "colour" is unknown`},
		{"an unknown kind", zero + "policy_type=raid\n", nil, `policy_type "raid" is unknown`},
		{"no code", zero + "policy_type=erasure_coding\n", nil, "ec_type is missing"},
		{
			"no fragments", zero + "policy_type=erasure_coding\nec_type=x\nec_num_parity_fragments=2\n", nil,
			"ec_num_data_fragments must be a positive number",
		},
	} {
		c, err := ParseSwiftConf([]byte(secretConf + test.conf))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: got error %v", test.what, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.what, err)
			continue
		}
		if diff := cmp.Diff(test.want, c.Policies, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.what, diff)
		}
	}
}

func TestClusterPolicy(t *testing.T) {
	c, err := ParseSwiftConf([]byte(secretConf + "[storage-policy:0]\nname=a\ndefault=1\n[storage-policy:7]\nname=b\n"))
	if err != nil {
		t.Fatal(err)
	}
	if p, ok := c.Policy(7); !ok || p.Name != "b" {
		t.Errorf("7: got %+v, %v", p, ok)
	}
	if p, ok := c.Policy(1); ok {
		t.Errorf("1: got %+v", p)
	}
}

// FuzzSwiftConf: whatever is accepted has a secret, one default and a policy
// 0, and lines end alike in every fashion.
func FuzzSwiftConf(f *testing.F) {
	f.Add([]byte(secretConf + "[storage-policy:0]\nname=a\n"))
	f.Add([]byte("[swift-hash]\nswift_hash_path_prefix=%(a)s%%\na=\xe9\n  b\n\n[x]\n"))
	f.Add([]byte(secretConf + "[swift-constraints]\nmax_file_size = 1_0\n"))

	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ParseSwiftConf(data)
		if err != nil {
			return
		}
		if c.Secret == (Secret{}) {
			t.Error("no secret")
		}
		if _, ok := c.Policy(0); !ok {
			t.Error("no policy 0")
		}
		defaults := 0
		for _, p := range c.Policies {
			if p.Default {
				defaults++
			}
		}
		if defaults != 1 {
			t.Errorf("%d defaults", defaults)
		}

		unix := strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\r", "\n")
		again, err := ParseSwiftConf([]byte(strings.ReplaceAll(unix, "\n", "\r\n")))
		if diff := cmp.Diff(c, again); diff != "" || err != nil {
			t.Errorf("%v (-any +CRLF):\n%s", err, diff)
		}
	})
}
