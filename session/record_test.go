package session

import (
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var (
	goldenUser  = hash{1, 2, 3, 19: 20}
	goldenTime  = time.UnixMilli(1764000000123)
	goldenGrant = Grant{
		Realm:       "/alpha",
		UserID:      "4711",
		Username:    "Amélie",
		UniversalID: "id=4711,ou=user,o=alpha,ou=services,ou=am-config",
		Roles:       []string{"admin", ""},
		AuthLevel:   -2,
		AuthType:    "Username|Password",
		Journey:     "Login",
		Properties:  map[string]string{"b": "2", "a": "1", "": ""},
		MaxTime:     2 * time.Hour,
		IdleTime:    30 * time.Minute,
	}
)

// golden returns the bytes of a file of hexadecimal digits.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Sessions outlive a release: what an older binary wrote must be read, and be
// written alike. A change of these bytes needs a new version of the layout.
func TestRecordLayoutIsAsItWas(t *testing.T) {
	b, err := encodeRecord(recordVersion, &goldenGrant, goldenUser, goldenTime)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hex.Dump(golden(t, "record.v1.hex")), hex.Dump(b)); diff != "" {
		t.Errorf("(-golden +got):\n%s", diff)
	}
	// Of a tracked session the client has the same bytes under another version,
	// and the store has those of them that name it.
	b[0] = trackedVersion
	stub := Session{record: string(b)}.stub()
	if diff := cmp.Diff(hex.Dump(golden(t, "record.v3.hex")), hex.Dump(stub)); diff != "" {
		t.Errorf("(-golden +got):\n%s", diff)
	}
	if !checkRecord(string(b)) || !checkRecord(string(stub)) || checkRecord(string(append(stub, 0))) || checkRecord(string(stub[:len(stub)-1])) {
		t.Error("what is a record is none, or the other way round")
	}
	b[0] = stubVersion
	if checkRecord(string(b)) {
		t.Error("a stub has roles and properties")
	}
	e := entry{created: goldenTime, deadline: goldenTime.Add(2 * time.Hour), idle: 30 * time.Minute, accessed: goldenTime.Add(time.Minute)}
	if diff := cmp.Diff(hex.Dump(golden(t, "entry.v1.hex")), hex.Dump(e.encode())); diff != "" {
		t.Errorf("(-golden +got):\n%s", diff)
	}
}

// grantOf reads back all that a record holds.
func grantOf(s Session) Grant {
	return Grant{
		Realm: s.Realm(), UserID: s.UserID(), Username: s.Username(), UniversalID: s.UniversalID(), Roles: s.Roles(),
		AuthLevel: s.AuthLevel(), AuthType: s.AuthType(), Journey: s.Journey(), Properties: s.Properties(),
		MaxTime: s.MaxExpires().Sub(s.Created()), IdleTime: s.IdleTime(),
	}
}

func TestRecordHoldsAnyGrant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		g := Grant{
			Realm: text.Draw(t, "realm"), UserID: text.Draw(t, "id"), Username: text.Draw(t, "name"), UniversalID: text.Draw(t, "universal id"),
			Roles:     rapid.SliceOf(text).Draw(t, "roles"),
			AuthLevel: int(rapid.Int32().Draw(t, "level")),
			AuthType:  text.Draw(t, "type"), Journey: text.Draw(t, "journey"),
			Properties: rapid.MapOf(text, text).Draw(t, "properties"),
			MaxTime:    time.Duration(rapid.Int64Range(1, 1e9).Draw(t, "max")) * time.Millisecond,
			IdleTime:   time.Duration(rapid.Int64Range(1, 1e9).Draw(t, "idle")) * time.Millisecond,
		}
		b, err := encodeRecord(recordVersion, &g, goldenUser, goldenTime)
		if err != nil {
			t.Fatal(err)
		}
		if !checkRecord(string(b)) {
			t.Fatalf("the record of %+v is refused", g)
		}
		if diff := cmp.Diff(g, grantOf(Session{record: string(b)})); diff != "" {
			t.Errorf("(-granted +read):\n%s", diff)
		}
		for n := range b {
			if checkRecord(string(b[:n])) {
				t.Fatalf("a record cut to %d of %d bytes is accepted", n, len(b))
			}
		}
	})
}

// FuzzRecord: no bytes make the reader panic, and those that it accepts are
// exactly what would be written for what it read, so a record has one form.
func FuzzRecord(f *testing.F) {
	valid := golden(f, "record.v1.hex")
	f.Add(valid)
	f.Add(valid[:len(valid)-1])
	f.Add(append(slices.Clip(valid), 0))
	f.Add(golden(f, "record.v3.hex"))
	f.Add(make([]byte, atTexts+4))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if !checkRecord(string(b)) {
			return
		}
		s := Session{record: string(b)}
		g := grantOf(s)
		if int64(g.IdleTime/time.Millisecond) != int64(number(s.record, atIdle)) ||
			int64(g.MaxTime/time.Millisecond) != s.MaxExpires().UnixMilli()-s.Created().UnixMilli() {
			return // centuries, which a Duration cannot hold
		}
		again, err := encodeRecord(s.record[0], &g, s.user(), s.Created())
		if err != nil {
			t.Fatalf("accepted, but not written again: %v", err)
		}
		if diff := cmp.Diff(hex.Dump(b), hex.Dump(again)); diff != "" {
			t.Errorf("(-accepted +written again):\n%s", diff)
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add(golden(f, "entry.v1.hex"))
	f.Add(make([]byte, entrySize))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeEntry(b)
		if err != nil || e.idle == millis(maxMillis) {
			return
		}
		if diff := cmp.Diff(hex.Dump(b), hex.Dump(e.encode())); diff != "" {
			t.Errorf("(-accepted +written again):\n%s", diff)
		}
	})
}
