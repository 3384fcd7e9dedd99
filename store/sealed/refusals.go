package sealed

import (
	"sync/atomic"

	"github.com/amgate/amgate/store"
)

// otherKind is the kind of records that are of none of the kinds.
const otherKind = "other"

// refusals counts, by kind, the values that this process was given and
// refused. Codecs come and go with configurations; the count stays. The map
// itself never changes.
var refusals = map[string]*atomic.Uint64{
	"k": {}, "s": {}, "u": {}, "j": {}, "a": {}, "c": {}, "i": {}, "l": {}, "o": {}, otherKind: {},
}

// Refusals returns how many values this process refused with ErrSealed, by
// the kind of the record: the kinds that are sealed, and "other". In a sound
// installation all are 0, but for what is left under a key that was dropped.
func Refusals() map[string]uint64 {
	counts := make(map[string]uint64, len(refusals))
	for kind, n := range refusals {
		counts[kind] = n.Load()
	}
	return counts
}

// refuse counts a value that was given for the record under k.
func refuse(k store.Key) error {
	n, ok := refusals[k.Kind()]
	if !ok {
		n = refusals[otherKind]
	}
	n.Add(1)
	return ErrSealed
}
