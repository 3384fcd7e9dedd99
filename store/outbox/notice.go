package outbox

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/amgate/amgate/store"
)

// Prefix is that of the notices.
const Prefix store.Key = "o/"

const (
	// MaxAge is for how long it is tried to deliver a notice.
	MaxAge = 24 * time.Hour
	// claimTerm is how long a claim lasts, deliverTime how long one delivery
	// may take.
	claimTerm   = 30 * time.Second
	deliverTime = 20 * time.Second
	// keepTime is for how long past MaxAge a notice stays readable, so that
	// somebody gives it up with a word in the log.
	keepTime = time.Hour
)

const (
	version    = 1
	postedAt   = 1
	untilAt    = 9
	triesAt    = 17
	headerSize = 18
)

var errNotice = errors.New("outbox: a notice that cannot be read")

// notice is a record below Prefix, taken apart.
type notice struct {
	key           store.Key
	revision      int64
	posted, until time.Time
	tries         uint8
	payload       []byte
}

// Post is the operation that posts a notice, claimed by this node. The commit
// that has it fails with store.ErrExists if the notice is there.
func Post(key store.Key, payload []byte) store.Op {
	now := time.Now()
	n := notice{key: key, posted: now, until: now.Add(claimTerm), payload: payload}
	return store.Create(key, n.encode(), n.expires())
}

func (n *notice) encode() []byte {
	b := make([]byte, headerSize, headerSize+len(n.payload))
	b[0] = version
	binary.BigEndian.PutUint64(b[postedAt:], uint64(n.posted.UnixMilli())) // #nosec G115 -- no clock shows a time before 1970
	binary.BigEndian.PutUint64(b[untilAt:], uint64(n.until.UnixMilli()))   // #nosec G115
	b[triesAt] = n.tries
	return append(b, n.payload...)
}

// read takes a record apart. The notice shares its value.
func read(r store.Record) (*notice, error) {
	if len(r.Value) < headerSize || r.Value[0] != version {
		return nil, errNotice
	}
	return &notice{
		key: r.Key, revision: r.Revision,
		posted:  timeAt(r.Value[postedAt:]),
		until:   timeAt(r.Value[untilAt:]),
		tries:   r.Value[triesAt],
		payload: r.Value[headerSize:],
	}, nil
}

func timeAt(b []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b))) // #nosec G115 -- any number is some time
}

// expires is when nobody has to look after the notice any more.
func (n *notice) expires() time.Time { return n.posted.Add(MaxAge + keepTime) }

// claim is the operations that claim the notice, or put it off, until then.
func (n *notice) claim(until time.Time) []store.Op {
	n.until = until
	return []store.Op{store.Check(n.key, n.revision), store.Put(n.key, n.encode(), n.expires())}
}
