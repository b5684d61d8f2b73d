package ring

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
)

const (
	sectionMetadata    = "swift/ring/metadata"
	sectionDevices     = "swift/ring/devices"
	sectionAssignments = "swift/ring/assignments"

	// sizeBytes is the length of a length, and of an offset.
	sizeBytes = 8

	// maxIndexBytes bounds the index: an entry takes about 150 bytes.
	maxIndexBytes = 1 << 20

	// maxV2Bytes bounds a file of format 2 as a whole, for it is read as a whole:
	// the table, the devices, and as much for sections of others.
	maxV2Bytes = maxTableBytes + 2*maxJSONBytes
)

// readV2 reads what follows the magic.
//
// Swift jumps to a section: each is a deflate stream of its own. A Reader has
// no such way, and a ring is needed as a whole; so all is inflated, and the
// index found by the last 16 bytes, which works for a file that somebody has
// compressed anew as well. Source: RingData.deserialize_v2; io.py, RingReader.
func (r *Ring) readV2(stream io.Reader) error {
	text, err := io.ReadAll(io.LimitReader(stream, maxV2Bytes+1))
	switch {
	case err != nil:
		return err
	case len(text) > maxV2Bytes:
		return fmt.Errorf("more than %d MiB", maxV2Bytes>>20)
	}

	file, err := parseIndex(text)
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	text, err = file.section(sectionMetadata, maxJSONBytes)
	if err != nil {
		return err
	}
	f, err := parseFields(text)
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	if text, err = file.section(sectionDevices, maxJSONBytes); err != nil {
		return err
	}
	if err := errors.Join(r.readMetadata(f), r.readDevices(text)); err != nil {
		return err
	}
	idBytes, err := f.integer("dev_id_bytes", 2, 4)
	if err != nil {
		return err
	}
	if text, err = file.section(sectionAssignments, maxTableBytes); err != nil {
		return err
	}
	r.table, err = parseTable(text, r.partPower, idBytes)
	return err
}

// parseTable takes a section of rows apart; they are as many as it has.
func parseTable(text []byte, partPower, idBytes int) (t assignments, err error) {
	rowBytes := uint64(idBytes) << partPower
	rows := int((uint64(len(text)) + rowBytes - 1) / rowBytes)
	if err := checkTable(partPower, rows, idBytes); err != nil {
		return nil, err
	}
	switch idBytes {
	case 2:
		t, err = readTable[uint16](bytes.NewReader(text), binary.BigEndian, partPower, rows)
	case 4:
		t, err = readTable[uint32](bytes.NewReader(text), binary.BigEndian, partPower, rows)
	default:
		err = fmt.Errorf("device ids of %d bytes: 2 and 4 are known", idBytes)
	}
	return t, err
}

// v2File is an inflated file with its index.
type v2File struct {
	text  []byte // behind the magic
	index fields
}

// parseIndex finds the index: text ends with its offset, and with its offset
// in the compressed file, which does not matter here.
func parseIndex(text []byte) (*v2File, error) {
	end := len(text) - 2*sizeBytes
	if end < 0 {
		return nil, io.ErrUnexpectedEOF
	}
	blob, err := blobAt(text[:end], binary.BigEndian.Uint64(text[end:]), offsetOf(end))
	if err != nil {
		return nil, err
	}
	if len(blob) > maxIndexBytes {
		return nil, fmt.Errorf("%d bytes, more than %d MiB", len(blob), maxIndexBytes>>20)
	}
	index, err := parseFields(blob[sizeBytes:])
	return &v2File{text: text[:end-len(blob)], index: index}, err
}

// headBytes precede the text of a v2File; offsets count from before them.
const headBytes = uint64(len(magic) + 2)

func offsetOf(place int) uint64 { return headBytes + uint64(place) }

// blobAt returns the blob between two offsets, with its length in front.
func blobAt(text []byte, start, end uint64) ([]byte, error) {
	if start < headBytes || end < start || end > offsetOf(len(text)) || end-start < sizeBytes {
		return nil, fmt.Errorf("from %d to %d is not in the file", start, end)
	}
	blob := text[start-headBytes : end-headBytes]
	if length := binary.BigEndian.Uint64(blob); length != uint64(len(blob)-sizeBytes) {
		return nil, fmt.Errorf("it has %d bytes, and says %d", len(blob)-sizeBytes, length)
	}
	return blob, nil
}

// section returns what a section holds, at most limit bytes, once its digest
// has been found right. Source: io.py, RingReader.open_section.
func (f *v2File) section(name string, limit int) ([]byte, error) {
	var entry [6]json.RawMessage
	if err := f.index.get(name, &entry); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	var (
		start, end     uint64 // entry 0 and 2 are those in the compressed file
		method, digest string
	)
	for i, v := range map[int]any{1: &start, 3: &end, 4: &method, 5: &digest} {
		if err := json.Unmarshal(entry[i], v); err != nil {
			return nil, fmt.Errorf("index: %q: entry %d: %.64q", name, i, entry[i])
		}
	}
	blob, err := blobAt(f.text, start, end)
	if err != nil {
		return nil, fmt.Errorf("section %q: %w", name, err)
	}
	if len(blob)-sizeBytes > limit {
		return nil, fmt.Errorf("section %q: %d bytes, more than %d MiB", name, len(blob)-sizeBytes, limit>>20)
	}
	sum, ok := digestOf(method)
	if !ok {
		return nil, fmt.Errorf("section %q: checksum %.64q is unknown", name, method)
	}
	sum.Write(blob)
	if found := hex.EncodeToString(sum.Sum(nil)); found != digest {
		return nil, fmt.Errorf("section %q: its %s is %s, the index says %.128q", name, method, found, digest)
	}
	return blob[sizeBytes:], nil
}

func digestOf(method string) (hash.Hash, bool) {
	switch method {
	case "md5":
		return md5.New(), true
	case "sha1":
		return sha1.New(), true
	case "sha256":
		return sha256.New(), true
	case "sha512":
		return sha512.New(), true
	}
	return nil, false
}
