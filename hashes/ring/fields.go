package ring

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

const (
	// maxJSONBytes bounds the JSON of a file: a device takes about 250 bytes.
	maxJSONBytes = 64 << 20

	// maxDevices bounds the list of devices, holes too.
	maxDevices = maxJSONBytes / 256

	maxPartPower = 32
	maxNameBytes = 255 // of a device's name (NAME_MAX) and of a host's
)

// fields is an object of JSON. Its keys are exact, as Python's are, where
// encoding/json would take "IP" for "ip".
type fields map[string]json.RawMessage

func parseFields(text []byte) (fields, error) {
	var f fields
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	if f == nil {
		return nil, errors.New("null instead of an object")
	}
	return f, nil
}

// has tells whether a key is there with a value other than null.
func (f fields) has(key string) bool {
	raw, ok := f[key]
	return ok && string(raw) != "null"
}

// get decodes the value of a key into v.
func (f fields) get(key string, v any) error {
	if !f.has(key) {
		return fmt.Errorf("%q is missing", key)
	}
	if err := json.Unmarshal(f[key], v); err != nil {
		return fmt.Errorf("%q: %.64q: not of its type", key, f[key])
	}
	return nil
}

func (f fields) integer(key string, least, most int) (int, error) {
	var n int
	if err := f.get(key, &n); err != nil {
		return 0, err
	}
	if n < least || n > most {
		return 0, fmt.Errorf("%q: %d is not within %d and %d", key, n, least, most)
	}
	return n, nil
}

// integerOr is integer for a key that may be missing.
func (f fields) integerOr(key string, unset, least, most int) (int, error) {
	if !f.has(key) {
		return unset, nil
	}
	return f.integer(key, least, most)
}

// word reads a text that will be part of a path or an address: printable ASCII
// without spaces, quotes and slashes.
func (f fields) word(key string) (string, error) {
	var s string
	if err := f.get(key, &s); err != nil {
		return "", err
	}
	odd := func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`/\"'`, c) }
	if s == "" || len(s) > maxNameBytes || s == "." || s == ".." || strings.ContainsFunc(s, odd) {
		return "", fmt.Errorf("%q: %.64q cannot be part of a path or an address", key, s)
	}
	return s, nil
}

// byteOrder is that of the rows of a format 1: the writer's, and before 2.12
// that was not written down. Such a file is from a little-endian machine unless
// somebody runs Swift on a mainframe.
func (f fields) byteOrder() (binary.ByteOrder, error) {
	name := "little"
	if f.has("byteorder") {
		if err := f.get("byteorder", &name); err != nil {
			return nil, err
		}
	}
	switch name {
	case "little":
		return binary.LittleEndian, nil
	case "big":
		return binary.BigEndian, nil
	}
	return nil, fmt.Errorf("byteorder: %.64q is neither little nor big", name)
}

// readMetadata reads what both formats write alike.
func (r *Ring) readMetadata(f fields) error {
	shift, err := f.integer("part_shift", 0, maxPartPower)
	if err != nil {
		return err
	}
	r.partPower = maxPartPower - shift

	version, err := f.integerOr("version", 0, 0, math.MaxInt)
	if err != nil {
		return err
	}
	r.version = int64(version)

	r.nextPartPower, err = f.integerOr("next_part_power", -1, 0, maxPartPower)
	return err
}

// readDevices reads the list of devices one by one.
func (r *Ring) readDevices(text []byte) error {
	list := json.NewDecoder(bytes.NewReader(text))
	if start, err := list.Token(); err != nil || start != json.Delim('[') {
		return errors.New("the devices are not a list")
	}
	for list.More() {
		var raw json.RawMessage
		if err := list.Decode(&raw); err != nil {
			return fmt.Errorf("device %d: %w", len(r.devices), err)
		}
		if len(r.devices) == maxDevices {
			return fmt.Errorf("more than %d devices", maxDevices)
		}
		if string(raw) == "null" {
			r.devices = append(r.devices, nil)
			continue
		}
		d, err := parseDevice(raw, len(r.devices))
		if err != nil {
			return fmt.Errorf("device %d: %w", len(r.devices), err)
		}
		r.devices = append(r.devices, d)
		r.present = append(r.present, d)
	}
	if _, err := list.Token(); err != nil {
		return fmt.Errorf("devices: %w", err)
	}
	if _, err := list.Token(); err != io.EOF {
		return errors.New("there is something behind the list of devices")
	}
	return nil
}

// parseDevice reads the device at a place of the list.
func parseDevice(raw []byte, place int) (*Device, error) {
	f, err := parseFields(raw)
	if err != nil {
		return nil, err
	}

	d := new(Device)
	var errs [8]error
	d.ID, errs[0] = f.integer("id", place, place) // by both Swift looks devices up
	d.Region, errs[1] = f.integerOr("region", 1, 0, math.MaxInt32)
	d.Zone, errs[2] = f.integer("zone", 0, math.MaxInt32)
	d.IP, errs[3] = f.word("ip")
	d.Port, errs[4] = f.integer("port", 0, math.MaxUint16)
	d.Name, errs[5] = f.word("device")
	if errs[6] = f.get("weight", &d.Weight); d.Weight < 0 {
		errs[6] = fmt.Errorf("weight %g", d.Weight)
	}
	if f.has("meta") {
		errs[7] = f.get("meta", &d.Meta)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return d, d.readReplication(f)
}

// readReplication reads the addresses for other nodes, which by default are
// those for clients. Source: ring.py, normalize_devices.
func (d *Device) readReplication(f fields) (err error) {
	d.ReplicationIP = d.IP
	if f.has("replication_ip") {
		if d.ReplicationIP, err = f.word("replication_ip"); err != nil {
			return err
		}
	}
	d.ReplicationPort, err = f.integerOr("replication_port", d.Port, 0, math.MaxUint16)
	return err
}
