package outbox

import (
	"bytes"
	"testing"
	"time"

	"github.com/amgate/amgate/store"
)

// A claim of a notice leaves what is to be told as it is, whoever wrote it.
func FuzzReadNotice(f *testing.F) {
	f.Add(Post("o/x", []byte("payload")).Value)
	f.Add([]byte{1})
	f.Add(bytes.Repeat([]byte{0xff}, 40))
	f.Fuzz(func(t *testing.T, value []byte) {
		n, err := read(store.Record{Key: "o/x", Value: bytes.Clone(value), Revision: 3})
		if err != nil {
			return
		}
		n.expires()
		again, err := read(store.Record{Value: n.claim(time.Now())[1].Value})
		if err != nil || !bytes.Equal(again.payload, value[headerSize:]) || again.tries != n.tries || !again.posted.Equal(n.posted) {
			t.Fatalf("%+v became %+v, %v", n, again, err)
		}
	})
}
