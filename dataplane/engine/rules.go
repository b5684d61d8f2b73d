package engine

import "hash"

const (
	// sentByRing is the least body that is worth a lane.
	sentByRing = 1 << 20
	// landedByRing is the same of one that lands.
	landedByRing = 1 << 20
	// defaultDirectFrom is the size from which a cold body is read past the page
	// cache: it would push out what clients read.
	defaultDirectFrom = 4 << 20
	// blockAlign is what every disk and file system takes for O_DIRECT.
	blockAlign = 4096
)

// Rules are what a body's way is chosen by, before it turns out what is free.
type Rules struct {
	Engine       Name
	Why          string // this engine
	DirectFrom   int64  // bytes from which a cold body is read past the page cache; negative: never
	ZeroCopyFrom int    // bytes of one send from which it is tried without a copy; negative: never
	ZeroCopyWhy  string // that is so

	FetchWhy string // how small files are fetched ahead, and why

	rings   bool
	fetches bool // small files, by rings
}

// Kind is what matters of a body for its way.
type Kind struct {
	Bytes  int64
	Cold   bool // sent: it is not in the page cache
	Digest bool // sent: one is asked
	Direct bool // landing: the file is written past the page cache
}

// NewRules returns the rules that an engine of this configuration would have here,
// without making it.
func NewRules(cfg Config) (Rules, error) {
	name, why, err := Choose(cfg.Name)
	if err != nil {
		return Rules{}, err
	}
	r := Rules{Engine: name, Why: why, DirectFrom: cfg.DirectFrom, rings: name == Uring}
	if r.DirectFrom == 0 {
		r.DirectFrom = defaultDirectFrom
	}
	r.fetches, r.FetchWhy = fetchesByRing(cfg, r.rings)
	r.ZeroCopyFrom, r.ZeroCopyWhy = zeroCopyFrom(cfg, r.rings)
	return r, nil
}

// Sending says how a body goes out to a connection that is a descriptor.
func (r *Rules) Sending(k Kind) (Way, Reason) {
	ring := r.rings && k.Bytes >= sentByRing
	switch {
	case r.Engine == Portable:
		return WayCopy, ReasonEngine
	case ring && k.Digest:
		return WayRing, ReasonDigest
	case ring && k.Cold && r.direct(k.Bytes):
		return WayRing, ReasonDirect
	case ring && k.Cold:
		return WayRing, ReasonCold
	case k.Digest:
		return WayCopy, ReasonDigest
	case k.Bytes < leastPart:
		return WayCopy, ReasonSmall
	case !r.rings:
		return WaySendfile, ReasonEngine
	case k.Cold:
		return WaySendfile, ReasonSmall
	}
	return WaySendfile, ReasonWarm
}

// direct tells whether a cold body is read past the page cache.
func (r *Rules) direct(n int64) bool { return r.DirectFrom >= 0 && n >= r.DirectFrom }

// FetchesBelow is the size from which on a body is not worth fetching into the page
// cache: it is read past it, or so large that it is read ahead by itself.
func (e *Engine) FetchesBelow() int64 {
	if e == nil || e.rules.DirectFrom < 0 {
		return defaultDirectFrom
	}
	return min(e.rules.DirectFrom, defaultDirectFrom)
}

// without is the way of a body for which a ring was chosen and not to be had.
func (r *Rules) without(k Kind, reason Reason) (Way, Reason) {
	if k.Digest {
		return WayCopy, reason
	}
	return WaySendfile, reason
}

// Landing says how a body comes in from a connection that is a descriptor.
func (r *Rules) Landing(k Kind) (Way, Reason) {
	switch {
	case !r.rings:
		return WayLandCopy, ReasonEngine
	case k.Bytes < landedByRing:
		return WayLandCopy, ReasonSmall
	case !k.Direct:
		return WayLandCopy, ReasonNotDirect
	}
	return WayLandRing, ReasonDirect
}

// way chooses for a body of src. The page cache is asked only where that matters.
func (o *Outbound) way(src Source, off, n int64, digest hash.Hash) (Kind, Way, Reason) {
	e, k := o.engine, Kind{Bytes: n, Digest: digest != nil}
	if e == nil {
		return k, WayCopy, ReasonEngine
	}
	file, is := src.(FileSource)
	if e.rules.Engine != Portable && (!is || !o.file.usable()) {
		return k, WayCopy, ReasonNoDescriptor
	}
	k.Cold = is && e.rules.rings && n >= sentByRing && cold(file, off, n)
	way, reason := e.rules.Sending(k)
	return k, way, reason
}

// count counts a body by its way.
func (e *Engine) count(ways *Ways, way Way, reason Reason) {
	ways[way][reason]++
	if e != nil {
		e.ways[way][reason].Add(1)
	}
}

// Ways counts the bodies that Body has sent, or tried to. It is the owner's.
func (o *Outbound) Ways() Ways { return o.ways }

// Ways counts the bodies of more than 64 KiB that have landed, or tried to. It is
// the owner's.
func (i *Inbound) Ways() Ways { return i.ways }
