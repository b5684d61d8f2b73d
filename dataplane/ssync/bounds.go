package ssync

// What a session keeps at the most, for who adds it up.
const (
	// DefaultGroupSize is ReceiverConfig.GroupSize where none is given.
	DefaultGroupSize = defaultGroupSize
	// WantedBytes hold what is wanted of a session: in batches as it is found out,
	// and again when they are put together.
	WantedBytes = 2 * maxWanted * wantedBytes
	// SubrequestBytes bound what is kept of one subrequest until it is committed.
	SubrequestBytes = maxHeadBytes

	wantedBytes = 18 // of a proto.Wanted
)
