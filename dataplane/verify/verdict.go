package verify

import (
	"fmt"

	"github.com/ringsync/ringsync/hashes"
)

// summarize tells what the files amount to, in fields and in a sentence.
func (in *inspector) summarize() {
	out, c := in.out, in.choice
	switch {
	case in.policy.Kind == hashes.ErasureCoding:
		out.State = "nothing"
		if len(out.Files) > 0 {
			out.State = "fragments"
		}
	case c.Data != nil:
		out.State, out.Data = "object", timeOf(c.Data.Time)
		if c.Meta != nil {
			out.Meta = timeOf(c.Meta.Time)
		}
		if c.CType != nil {
			out.CType = timeOf(c.CType.CType)
		}
	case c.Tombstone != nil:
		out.State, out.Data = "tombstone", timeOf(c.Tombstone.Time)
	default:
		out.State = "nothing"
	}
	out.Sound = len(out.Problems) == 0 && out.State != "nothing"
	out.Verdict = in.verdict()
}

func (in *inspector) verdict() string {
	out := in.out
	switch {
	case len(out.Problems) == 1:
		return "not sound: " + out.Problems[0]
	case len(out.Problems) > 1:
		return fmt.Sprintf("not sound: %s, and %d more", out.Problems[0], len(out.Problems)-1)
	case out.State == "nothing":
		return "no object: nothing that counts lies here"
	case out.State == "fragments":
		return "sound, each file by itself; which fragments of an erasure-coded policy count is not judged"
	case out.State == "tombstone":
		return fmt.Sprintf("sound: deleted %s%s", out.Data.At, in.reclaimed())
	}
	text := fmt.Sprintf("sound: an object of %d bytes, written %s", in.body, out.Data.At)
	if out.Meta != nil {
		text += ", its metadata " + out.Meta.At
	}
	if !in.cfg.MD5 {
		return text + "; the body was not read (--md5 does)"
	}
	return text + "; the body fits its ETag"
}

func (in *inspector) reclaimed() string {
	at := in.choice.Tombstone.Time.Time().Add(in.cfg.ReclaimAge)
	if in.cfg.Now.After(at) {
		return ", older than reclaim_age: whoever looks next removes it"
	}
	return ", kept until " + at.Format(timeLayout)
}
