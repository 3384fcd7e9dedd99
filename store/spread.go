package store

import (
	"crypto/rand"
	"encoding/binary"
	"time"
)

// Spread is d, or up to by less: nodes that were started together are not to
// ask the store for the same at the same moment.
func Spread(d, by time.Duration) time.Duration {
	if by <= 0 {
		return d
	}
	var b [8]byte
	rand.Read(b[:]) // never fails since Go 1.24
	return d - time.Duration(binary.BigEndian.Uint64(b[:])%uint64(by+1))
}
