package etcd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/amgate/amgate/store"
)

// A value in etcd is, in this order:
//
//	1 byte   layout version, 1
//	8 bytes  deadline, big-endian signed milliseconds since 1970 in UTC; 0: none
//	the rest the record's value
const (
	layoutVersion = 1
	headerSize    = 1 + 8
)

// ErrMalformed says that what lies in etcd under a key is not in a layout
// this version knows: somebody else wrote it, or a later version did. It is
// no ErrNotFound, for nobody may take the key's place, and no outage, for
// to try again is no help.
var ErrMalformed = errors.New("etcd: malformed record")

// encode lays out a value. A deadline at or before 1970 is stored as 1 ms
// past it, since 0 means that there is none.
func encode(value []byte, expires time.Time) string {
	var deadline int64
	if !expires.IsZero() {
		deadline = max(1, expires.UnixMilli())
	}
	var b strings.Builder
	b.Grow(headerSize + len(value))
	var header [headerSize]byte
	header[0] = layoutVersion
	binary.BigEndian.PutUint64(header[1:], uint64(deadline)) // #nosec G115 -- a bit pattern
	b.Write(header[:])
	b.Write(value)
	return b.String()
}

// decode takes apart what encode laid out. The value is a copy, because
// a server in this process shares its memory with the client.
func decode(stored []byte) (value []byte, expires time.Time, err error) {
	if len(stored) < headerSize {
		return nil, time.Time{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(stored))
	}
	if stored[0] != layoutVersion {
		return nil, time.Time{}, fmt.Errorf("%w: layout version %d", ErrMalformed, stored[0])
	}
	deadline := int64(binary.BigEndian.Uint64(stored[1:headerSize])) // #nosec G115 -- a bit pattern
	switch {
	case deadline < 0:
		return nil, time.Time{}, fmt.Errorf("%w: deadline %d", ErrMalformed, deadline)
	case deadline > 0:
		expires = time.UnixMilli(deadline)
	}
	return bytes.Clone(stored[headerSize:]), expires, nil
}

// key undoes name.
func (s *Store) key(kv *mvccpb.KeyValue) store.Key {
	return store.Key(strings.TrimPrefix(string(kv.Key), s.prefix))
}

// record makes a record of what etcd holds.
func (s *Store) record(kv *mvccpb.KeyValue) (store.Record, error) {
	k := s.key(kv)
	value, expires, err := decode(kv.Value)
	if err != nil {
		s.log.Warn("a record in etcd cannot be read", "key", k, "revision", kv.ModRevision, "error", err)
		return store.Record{}, fmt.Errorf("%w under %q", err, k)
	}
	return store.Record{Key: k, Value: value, Expires: expires, Revision: kv.ModRevision}, nil
}
