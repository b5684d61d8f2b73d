package engine

// TextBytes is the text buffer of an Inbound with lines of the default length: 68
// KiB, for which the allocator takes 72.
const TextBytes = (defaultText + textSlack + textRounds - 1) / textRounds * textRounds

// SummedBytes is what the text buffer grows to where chunks carry sums: one is taken
// as a whole before any of it is read as text, behind what was there.
const SummedBytes = maxSummed + textSlack + TextBytes

// textRounds is the step of the allocator's sizes there: 8 pages of 8 KiB, 9, 10.
const textRounds = 8 << 10
