package session

import (
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/amgate/amgate/store"
)

// goldenNotice is a session that went idle, and another one.
func goldenNotice(t testing.TB) []byte {
	t.Helper()
	record := string(golden(t, "record.v1.hex"))
	return encodeNotice("",
		Ended{Session{record: record, id: hash{7, 19: 8}}, IdleTimedOut, goldenTime.Add(time.Hour)},
		Ended{Session{record: record, id: hash{9}}, MaxTimedOut, goldenTime.Add(2 * time.Hour)})
}

// A notice may be delivered by a newer binary than the one that posted it. A
// change of these bytes needs a new version of the layout.
func TestNoticeLayoutIsAsItWas(t *testing.T) {
	b := goldenNotice(t)
	if diff := cmp.Diff(hex.Dump(golden(t, "notice.v1.hex")), hex.Dump(b)); diff != "" {
		t.Errorf("(-golden +got):\n%s", diff)
	}
	webhook, ended, err := decodeNotice(string(b))
	if err != nil || webhook != "" || len(ended) != 2 {
		t.Fatalf("%q, %v, %v", webhook, ended, err)
	}
	first, second := ended[0], ended[1]
	if first.Why != IdleTimedOut || !first.At.Equal(goldenTime.Add(time.Hour)) || first.id != (hash{7, 19: 8}) || second.Why != MaxTimedOut {
		t.Errorf("read %+v", ended)
	}
	if diff := cmp.Diff(goldenGrant.Username, second.Username()); diff != "" {
		t.Errorf("(-granted +read):\n%s", diff)
	}
	if first.ID() == second.ID() || first.ID() == first.ContextID() || first.ID() != "668897b3-fa14-80f2-8aa1-a0530be6ffe2" {
		t.Errorf("the ids are %s and %s", first.ID(), second.ID())
	}
}

// FuzzNotice: no bytes make the reader panic, and a notice has one form.
func FuzzNotice(f *testing.F) {
	valid := goldenNotice(f)
	f.Add(valid)
	f.Add(valid[:len(valid)-1])
	f.Add(append(slices.Clip(valid), 0))
	one := Ended{Session{record: string(golden(f, "record.v1.hex"))}, LoggedOut, goldenTime}
	f.Add(encodeNotice("hook", one))
	f.Add(encodeNotice("hook", one, one))
	f.Add([]byte{noticeVersion, 0, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		webhook, ended, err := decodeNotice(string(b))
		if err != nil {
			return
		}
		for _, e := range ended {
			e.Properties()
		}
		if diff := cmp.Diff(hex.Dump(b), hex.Dump(encodeNotice(webhook, ended...))); diff != "" {
			t.Errorf("(-accepted +written again):\n%s", diff)
		}
	})
}

func TestSessionOfIndexEntry(t *testing.T) {
	user, id := hash{1}, hash{2, 19: 3}
	key := indexKey(user, id)
	if got, ok := sessionOf(key); !ok || got != id {
		t.Errorf("%s is of %v, %v", key, got, ok)
	}
	for _, bad := range []string{"u/", "u", "", string(key) + "A", string(key[:len(key)-1]), "u/x/" + string(make([]byte, hashText)), string(key[:len(key)-1]) + "B"} {
		if id, ok := sessionOf(store.Key(bad)); ok {
			t.Errorf("%q is of %v", bad, id)
		}
	}
}
