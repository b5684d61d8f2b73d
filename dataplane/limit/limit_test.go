package limit

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// passed is what some streams were granted, and when they had waited for it.
type passed struct {
	mu    sync.Mutex
	began time.Time
	bytes int64
	late  string // why the rate was not kept
}

// add counts n bytes, against a rate that is to be kept from the beginning on.
func (p *passed) add(n int64, rate Rate) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes += n
	if most := float64(rate)*time.Since(p.began).Seconds() + 1; rate > 0 && float64(p.bytes) > most && p.late == "" {
		p.late = fmt.Sprintf("%d bytes after %v, at most %.0f", p.bytes, time.Since(p.began), most)
	}
}

// run lets streams ask for pieces of some sizes, for a time, and waits for them.
func run(streams []*Stream, sizes []int64, pause, d time.Duration, each func(i int, n int64, waited time.Duration)) {
	var all sync.WaitGroup
	until := time.Now().Add(d)
	for i, s := range streams {
		all.Go(func() {
			for k := i; time.Now().Before(until); k++ {
				n, waited := s.Pace(sizes[k%len(sizes)], nil)
				if time.Now().After(until) {
					return
				}
				each(i, n, waited)
				time.Sleep(pause)
			}
		})
	}
	all.Wait()
}

// A rate that allows all streams twice their least is kept at every moment, of whatever
// kind it is, and used.
func TestRateIsKept(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := Direction(rapid.IntRange(0, 1).Draw(r, "direction"))
		kind := Kind(rapid.IntRange(0, 2).Draw(r, "kind"))
		count := rapid.IntRange(1, 30).Draw(r, "streams")
		least := defaultLeast[d]
		floor := 2.1 * float64(count) * float64(least.Bytes) / least.Within.Seconds()
		rate := Rate(floor * rapid.Float64Range(1, 30).Draw(r, "times"))
		sizes := rapid.SliceOfN(rapid.Int64Range(least.Bytes/2, 64<<20), 1, 8).Draw(r, "sizes")
		if d == In {
			sizes = rapid.SliceOfN(rapid.Int64Range(1<<19, 1<<20), 1, 8).Draw(r, "reads")
		}
		var p passed
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{})
			p = passed{began: time.Now()}
			var limits Limits
			rates := Rates{rate, rate}
			switch kind {
			case Node:
				limits.Node = rates
			case Device:
				limits.Device = rates
			case Peer:
				limits.Peers = map[string]Rates{"10.0.0.1": rates}
			}
			if err := s.Change(limits); err != nil {
				t.Fatal(err)
			}
			var streams []*Stream
			for range count {
				streams = append(streams, s.Open(d, "d1", "10.0.0.1:6200"))
			}
			run(streams, sizes, 0, 40*time.Second, func(_ int, n int64, _ time.Duration) { p.add(n, rate) })
			for _, x := range streams {
				x.Close()
			}
			if len(s.buckets)+len(s.streams) > 0 {
				t.Errorf("%d buckets and %d streams are left", len(s.buckets), len(s.streams))
			}
		})
		if p.late != "" {
			r.Fatal(p.late)
		}
		if used := float64(p.bytes) / (40 * float64(rate)); used < 0.7 {
			r.Fatalf("only %.2f of the rate was used", used)
		}
	})
}

// However low the rates, whoever waits does so for no longer than his least says.
func TestLeast(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		d := Direction(rapid.IntRange(0, 1).Draw(r, "direction"))
		count := rapid.IntRange(1, 10).Draw(r, "streams")
		rates := Rates{Out: Rate(rapid.Int64Range(1, 100_000).Draw(r, "out")), In: Rate(rapid.Int64Range(1, 1_000_000).Draw(r, "in"))}
		sizes := rapid.SliceOfN(rapid.Int64Range(32<<10, 1<<20), 1, 8).Draw(r, "sizes")
		got, least, bad := make([]int64, count), defaultLeast[d], make([]string, count)
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{})
			if err := s.Change(Limits{Node: rates, Device: rates}); err != nil {
				t.Fatal(err)
			}
			var streams []*Stream
			for range count {
				streams = append(streams, s.Open(d, "d1", "10.0.0.1"))
			}
			run(streams, sizes, 0, 2*time.Minute, func(i int, n int64, waited time.Duration) {
				got[i] += n
				if waited > least.patience(n) {
					bad[i] = fmt.Sprintf("%v for %d bytes", waited, n)
				}
			})
		})
		for i := range got {
			if bad[i] != "" {
				r.Fatal(bad[i])
			}
			if want := int64(2*time.Minute/least.Within-1) * least.Bytes; got[i] < want {
				r.Fatalf("stream %d: %d bytes, its least are %d", i, got[i], want)
			}
		}
	})
}

// Who waits hears of a change in the moment of it, whoever else waits and however
// often there is one: the last one lets all of them go.
func TestChangeIsHeardAtOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		count := rapid.IntRange(1, 30).Draw(r, "streams")
		changes := rapid.SliceOfN(rapid.Int64Range(1, 50_000), 1, 20).Draw(r, "rates")
		apart := time.Duration(rapid.IntRange(0, 900).Draw(r, "ms")) * time.Millisecond
		var late time.Duration
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{LeastOut: Least{1, time.Hour}})
			set := func(rate int64) {
				if err := s.Change(Limits{Node: Rates{Out: Rate(rate)}}); err != nil {
					t.Fatal(err)
				}
			}
			set(1)
			ended := make(chan time.Time, count)
			for i := range count {
				x := s.Open(Out, fmt.Sprint("d", i%3), "10.0.0.1")
				go func() {
					for left := int64(20_000_000); left > 0; {
						n, _ := x.Pace(left, nil)
						left -= n
					}
					ended <- time.Now()
				}()
			}
			synctest.Wait()
			if w := s.Waiting(); len(w) != count || w[0].Direction != Out || w[0].Peer != "10.0.0.1" {
				t.Errorf("%d of %d streams wait: %+v", len(w), count, w)
			}
			for _, rate := range changes {
				set(rate)
				time.Sleep(apart)
			}
			free := time.Now()
			set(0)
			for range count {
				late = max(late, (<-ended).Sub(free))
			}
			if got := len(s.Waiting()); got != 0 {
				t.Errorf("%d streams wait though there is no limit", got)
			}
		})
		if late > 0 {
			r.Fatalf("heard %v later", late)
		}
	})
}

// A rate that is made higher shortens the wait in hand, and one that is made lower
// lengthens it, up to the patience there is.
func TestChangeInMidWait(t *testing.T) {
	for _, row := range []struct {
		first, then Rate
		want        time.Duration
	}{
		{10_000, 100_000, 1*time.Second + 555*time.Millisecond},
		{10_000, 5_000, 12*time.Second + 107*time.Millisecond},
		{10_000, 1, 15 * time.Second},
		{10_000, 0, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{})
			if err := s.Change(Limits{Node: Rates{Out: row.first}}); err != nil {
				t.Fatal(err)
			}
			x := s.Open(Out, "d1", "10.0.0.1")
			began := time.Now()
			go func() {
				time.Sleep(time.Second)
				if err := s.Change(Limits{Node: Rates{Out: row.then}}); err != nil {
					t.Error(err)
				}
			}()
			n, waited := x.Pace(1<<20, nil)
			if took := time.Since(began); n != 64<<10 || took.Round(time.Millisecond) != row.want || waited != took {
				t.Errorf("%v to %v: %d bytes after %v, waited %v; want 65536 after %v", row.first, row.then, n, took, waited, row.want)
			}
			if got := s.Waited(Out, Node); got != waited {
				t.Errorf("%v are counted, of %v", got, waited)
			}
		})
	}
}

// The end of stop ends a wait.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{})
		if err := s.Change(Limits{Peer: Rates{In: 1}}); err != nil {
			t.Fatal(err)
		}
		x, stop := s.Open(In, "d1", "10.0.0.1"), make(chan struct{})
		time.AfterFunc(time.Second, func() { close(stop) })
		if n, waited := x.Pace(1<<20, stop); n != 1<<20 || waited != time.Second {
			t.Errorf("%d bytes after %v", n, waited)
		}
		x.Close()
		(*Stream)(nil).Close()
	})
}

// The slowest of the three limits decides, those who are named have their own, and
// without any nothing waits.
func TestWhose(t *testing.T) {
	limits := Limits{
		Node:    Rates{Out: 1_000_000},
		Device:  Rates{Out: 400_000},
		Devices: map[string]Rates{"fast": {}, "slow": {Out: 100_000}},
		Peer:    Rates{Out: 700_000},
		Peers:   map[string]Rates{"::FFFF:10.0.0.9": {Out: 200_000}, "Near.Example": {}},
	}
	for _, row := range []struct {
		device, peer string
		want         Rate
		kind         Kind
	}{
		{"other", "10.0.0.1:6200", 400_000, Device},
		{"fast", "10.0.0.1:6200", 700_000, Peer},
		{"slow", "10.0.0.9", 100_000, Device},
		{"fast", "10.0.0.9:1", 200_000, Peer},
		{"fast", "[::ffff:10.0.0.9]:1", 200_000, Peer},
		{"fast", "near.example:6200", 1_000_000, Node},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := New(Config{})
			if n, waited := s.Open(Out, row.device, row.peer).Pace(1<<40, nil); n != 1<<40 || waited != 0 {
				t.Errorf("without a limit: %d bytes after %v", n, waited)
			}
			if err := s.Change(limits); err != nil {
				t.Fatal(err)
			}
			var p passed
			x := s.Open(Out, row.device, row.peer)
			run([]*Stream{x}, []int64{1 << 20}, time.Millisecond, time.Minute, func(_ int, n int64, _ time.Duration) { p.bytes += n })
			if got := float64(p.bytes) / 60 / float64(row.want); got < 0.97 || got > 1.01 {
				t.Errorf("%s, %s: %.2f of %v", row.device, row.peer, got, row.want)
			}
			if s.Waited(Out, row.kind) == 0 {
				t.Errorf("%s, %s: no wait for the %v's limit", row.device, row.peer, row.kind)
			}
		})
	}
}

// What can't be meant is refused, and changes nothing.
func TestRefused(t *testing.T) {
	s := New(Config{})
	good := Limits{Node: Rates{Out: 5}, Peers: map[string]Rates{"10.0.0.1": {In: 7}}}
	if err := s.Change(good); err != nil {
		t.Fatal(err)
	}
	for name, limits := range map[string]Limits{
		"negative":      {Node: Rates{Out: -1}},
		"beyond":        {Device: Rates{In: mostRate + 1}},
		"no device":     {Devices: map[string]Rates{"": {}}},
		"a path":        {Devices: map[string]Rates{"a/b": {}}},
		"no peer":       {Peers: map[string]Rates{"": {}}},
		"a port":        {Peers: map[string]Rates{"10.0.0.1:6200": {}}},
		"a port again":  {Peers: map[string]Rates{"[::1]:6200": {}}},
		"two words":     {Peers: map[string]Rates{"a b": {}}},
		"twice":         {Peers: map[string]Rates{"10.0.0.1": {}, "::ffff:10.0.0.1": {}}},
		"named, beyond": {Peers: map[string]Rates{"10.0.0.1": {Out: -5}}},
	} {
		if err := s.Change(limits); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if got := s.Limits(); got.Node.Out != 5 || got.Peers["10.0.0.1"].In != 7 {
		t.Errorf("changed to %+v", got)
	}
}

// Rates are read as they are written.
func TestRate(t *testing.T) {
	for text, want := range map[string]Rate{"0": 0, "1": 1, "1500k": 1_500_000, "12.5M": 12_500_000, "64Mi": 64 << 20, "2G": 2e9, "1Ki": 1024, "0.5Gi": 1 << 29} {
		got, err := ParseRate(text)
		if err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "+1", "1e6", "M", "1m", "1KB", "1 M", " 1", "0x10", "1M/s", "NaN", "Inf", "1.2.3", "99999999999G", "1_000"} {
		if got, err := ParseRate(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		rate := Rate(rapid.Int64Range(0, int64(mostRate)).Draw(r, "rate"))
		if got, err := ParseRate(rate.String()); err != nil || got != rate {
			r.Fatalf("%d is written %s and read %d, %v", rate, rate, got, err)
		}
	})
}
