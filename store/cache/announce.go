package cache

import (
	"encoding/binary"

	"github.com/amgate/amgate/store"
)

// An announcement is a version byte and the keys, each after its length in 4
// bytes, big-endian.
const announcementVersion = 1

func announcement(keys []store.Key) []byte {
	b := []byte{announcementVersion}
	for _, k := range keys {
		b = binary.BigEndian.AppendUint32(b, uint32(len(k)))
		b = append(b, k...)
	}
	return b
}

// parseAnnouncement returns the keys, or false for anything that
// announcement does not write.
func parseAnnouncement(b []byte) (keys []store.Key, ok bool) {
	if len(b) == 0 || b[0] != announcementVersion {
		return nil, false
	}
	for b = b[1:]; len(b) > 0; {
		if len(b) < 4 {
			return nil, false
		}
		size := binary.BigEndian.Uint32(b)
		if b = b[4:]; uint64(size) > uint64(len(b)) {
			return nil, false
		}
		keys, b = append(keys, store.Key(b[:size])), b[size:]
	}
	return keys, true
}
