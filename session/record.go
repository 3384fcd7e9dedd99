package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"
)

// The layout of a session record. All numbers are big-endian, times and
// durations in milliseconds (times since 1970). It is read in place at every
// request, so what is read then has a fixed place.
//
//	offset  bytes
//	     0      1  version
//	     1      4  authentication level, signed
//	     5      8  created
//	    13      8  max deadline
//	    21      8  idle time
//	    29     20  uh, the hash of the user
//	    49      2  length of each text: realm, user id, user name,
//	               universal id, authentication type, journey
//	    61      …  the texts
//	     …      2  number of roles; for each: 2 bytes length, the role
//	     …      2  number of properties; for each, by ascending name:
//	               2 bytes length, the name, 2 bytes length, the value
const (
	recordVersion = 1
	// trackedVersion is of a session that its client carries and the store
	// tracks: what the client has of it, and what the store has once the two
	// differ.
	trackedVersion = 2
	// stubVersion is what the store has of it until then: the lists are empty.
	stubVersion = 3

	atLevel   = 1
	atCreated = 5
	atMax     = 13
	atIdle    = 21
	atUser    = 29
	atLengths = 49
	atTexts   = atLengths + 2*textCount
)

// The texts of a record, in their order.
const (
	textRealm = iota
	textUserID
	textUsername
	textUniversalID
	textAuthType
	textJourney
	textCount
)

// maxMillis bounds times and durations, so that no sum of two overflows: the
// year 10889.
const maxMillis = 1 << 48

// maxRecord is the size of the largest record, bytes. It is read at every
// request, and a cache full of such records still holds thousands.
const maxRecord = 64 << 10

var errRecord = errors.New("session: a record that cannot be read")

// encodeRecord writes the record of a session in a version. The error says
// which part of the grant is too long.
func encodeRecord(version byte, g *Grant, user hash, created time.Time) ([]byte, error) {
	if g.AuthLevel < math.MinInt32 || g.AuthLevel > math.MaxInt32 {
		return nil, fmt.Errorf("session: an authentication level of %d", g.AuthLevel)
	}
	b := make([]byte, atLengths, 512)
	b[0] = version
	binary.BigEndian.PutUint32(b[atLevel:], uint32(int32(g.AuthLevel)))
	putTime(b[atCreated:], created)
	putTime(b[atMax:], created.Add(g.MaxTime))
	binary.BigEndian.PutUint64(b[atIdle:], uint64(g.IdleTime.Milliseconds()))
	copy(b[atUser:], user[:])

	texts := [textCount]string{g.Realm, g.UserID, g.Username, g.UniversalID, g.AuthType, g.Journey}
	for _, text := range texts {
		b = binary.BigEndian.AppendUint16(b, uint16(len(text)))
	}
	for _, text := range texts {
		b = append(b, text...)
	}
	return appendLists(b, g)
}

// appendLists completes a record with roles and properties.
func appendLists(b []byte, g *Grant) ([]byte, error) {
	b = binary.BigEndian.AppendUint16(b, uint16(len(g.Roles)))
	for _, role := range g.Roles {
		b = appendText(b, role)
	}
	b = appendProperties(b, g.Properties)
	// A length overflows its two bytes only if the whole is too long, too.
	if len(b) > maxRecord {
		return nil, fmt.Errorf("session: %d bytes of roles and properties; a session has room for %d", len(b), maxRecord)
	}
	return b, nil
}

// noLists is where a record ends that has no roles and properties.
const noLists = "\x00\x00\x00\x00"

// appendProperties is the last part of a record.
func appendProperties(b []byte, properties map[string]string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(properties)))
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		b = appendText(appendText(b, name), properties[name])
	}
	return b
}

func appendText(b []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

func putTime(b []byte, t time.Time) {
	binary.BigEndian.PutUint64(b, uint64(t.UnixMilli())) // no clock shows a time before 1970
}

// checkRecord reports whether b is a record that encodeRecord could have
// written, byte for byte; only such a record may become a Session.
func checkRecord(b string) bool {
	if len(b) < atTexts || len(b) > maxRecord || b[0] < recordVersion || b[0] > stubVersion {
		return false
	}
	created, deadline, idle := number(b, atCreated), number(b, atMax), number(b, atIdle)
	if created >= deadline || deadline > maxMillis || idle == 0 || idle > maxMillis {
		return false
	}
	at := atTexts
	for i := range textCount {
		at += length(b, atLengths+2*i)
	}
	if b[0] == stubVersion {
		return at <= len(b) && b[at:] == noLists
	}
	at, ok := checkList(b, at, func(at int) (int, bool) { return checkText(b, at) })
	if !ok {
		return false
	}
	before, first := "", true
	at, ok = checkList(b, at, func(at int) (int, bool) {
		value, ok := checkText(b, at)
		if !ok {
			return 0, false
		}
		name := b[at+2 : value]
		ok, before, first = first || name > before, name, false
		if !ok {
			return 0, false
		}
		return checkText(b, value)
	})
	return ok && at == len(b)
}

// checkList walks the list at an offset and returns the offset behind it.
func checkList(b string, at int, item func(at int) (int, bool)) (int, bool) {
	if at+2 > len(b) {
		return 0, false
	}
	n := length(b, at)
	at += 2
	for range n {
		next, ok := item(at)
		if !ok {
			return 0, false
		}
		at = next
	}
	return at, true
}

// checkText returns the offset behind the text at an offset.
func checkText(b string, at int) (int, bool) {
	if at+2 > len(b) {
		return 0, false
	}
	end := at + 2 + length(b, at)
	return end, end <= len(b)
}

// length reads two bytes, which the caller knows to be there.
func length(b string, at int) int { return int(b[at])<<8 | int(b[at+1]) }

// number reads eight bytes, which the caller knows to be there.
func number(b string, at int) uint64 {
	_ = b[at+7]
	return uint64(b[at])<<56 | uint64(b[at+1])<<48 | uint64(b[at+2])<<40 | uint64(b[at+3])<<32 |
		uint64(b[at+4])<<24 | uint64(b[at+5])<<16 | uint64(b[at+6])<<8 | uint64(b[at+7])
}

// entry is what a user's index holds of a session:
//
//	offset  bytes
//	     0      1  version
//	     1      8  created
//	     9      8  max deadline
//	    17      8  idle time
//	    25      8  last access
type entry struct {
	created, deadline, accessed time.Time
	idle                        time.Duration
}

const (
	entryVersion = 1
	entrySize    = 33
)

func (e entry) encode() []byte {
	b := make([]byte, entrySize)
	b[0] = entryVersion
	putTime(b[1:], e.created)
	putTime(b[9:], e.deadline)
	binary.BigEndian.PutUint64(b[17:], uint64(e.idle.Milliseconds()))
	putTime(b[25:], e.accessed)
	return b
}

func decodeEntry(b []byte) (entry, error) {
	if len(b) != entrySize || b[0] != entryVersion {
		return entry{}, errRecord
	}
	var n [4]int64
	for i := range n {
		v := binary.BigEndian.Uint64(b[1+8*i:])
		if v > maxMillis {
			return entry{}, errRecord
		}
		n[i] = int64(v)
	}
	return entry{
		created:  time.UnixMilli(n[0]),
		deadline: time.UnixMilli(n[1]),
		idle:     millis(uint64(n[2])),
		accessed: time.UnixMilli(n[3]),
	}, nil
}

// millis is a duration of n milliseconds, n ≤ maxMillis; what a Duration
// cannot hold, 292 years, is its largest.
func millis(n uint64) time.Duration {
	return time.Duration(min(n, math.MaxInt64/uint64(time.Millisecond))) * time.Millisecond
}
