package sealed_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
)

var (
	oldKey = sealed.Key{ID: "old-key-", Key: [32]byte{1}}
	newKey = sealed.Key{ID: "new-key-", Key: [32]byte{2}}
)

func codec(tb testing.TB, keys ...sealed.Key) *sealed.Codec {
	tb.Helper()
	c, err := sealed.New(keys)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, keys := range map[string][]sealed.Key{
		"no key":             nil,
		"has 3 bytes, not 8": {{ID: "abc"}},
		"two keys have":      {oldKey, oldKey},
	} {
		if _, err := sealed.New(keys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// TestEnvelope opens a value by hand: the layout is stored for as long as
// sessions last, and other versions of this program read it.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	const key, plain = store.Key("s/abc"), "the plain text"
	v := codec(t, newKey, oldKey).Seal(key, []byte(plain))
	if len(v) != len(plain)+sealed.Overhead || sealed.Overhead != 1+8+12+16 {
		t.Fatalf("%d bytes", len(v))
	}
	if v[0] != 1 || string(v[1:9]) != newKey.ID {
		t.Errorf("begins with %q", v[:9])
	}
	block, err := aes.NewCipher(newKey.Key[:])
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	ad := append(binary.BigEndian.AppendUint32([]byte{1}, uint32(len(key))), key...)
	got, err := gcm.Open(nil, v[9:21], v[21:], ad)
	if err != nil || string(got) != plain {
		t.Errorf("%q, %v", got, err)
	}
}

// golden was sealed as "plain text" for the record "s/golden" by another
// program, from the documented envelope. Values like it lie in stores and must
// open for ever.
const golden = "\x01new-key-" + "nonce of 12b" +
	"\xd8\xa3\xad\x8c\x81\x42\x5e\x27\x74\x0c\x38\x84\x81\x44\x94\x7c\x69\xd4\x3c\x47\x73\xfa\x5a\xde\xbd\xd1"

func TestGolden(t *testing.T) {
	t.Parallel()
	plain, err := codec(t, newKey).Open("s/golden", []byte(golden))
	if err != nil || string(plain) != "plain text" {
		t.Errorf("%q, %v", plain, err)
	}
}

func TestFirstKeySealsAllOpen(t *testing.T) {
	t.Parallel()
	both := codec(t, newKey, oldKey)
	for _, c := range []*sealed.Codec{codec(t, oldKey), codec(t, newKey), both} {
		if got, err := both.Open("s/a", c.Seal("s/a", []byte("x"))); err != nil || string(got) != "x" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := codec(t, newKey).Open("s/a", both.Seal("s/a", nil)); err != nil {
		t.Errorf("the first key does not seal: %v", err)
	}
}

func TestStale(t *testing.T) {
	t.Parallel()
	both := codec(t, newKey, oldKey)
	if both.Stale(both.Seal("s/a", nil)) {
		t.Error("what the newest key sealed is stale")
	}
	if !both.Stale(codec(t, oldKey).Seal("s/a", nil)) || !both.Stale(nil) {
		t.Error("what an older key sealed is not stale")
	}
}

// TestMovedRecordsAreRefused: who can write to the store (etcd CVE-2026-33413,
// a stolen backup put back) swaps two records, moves one to another kind, or
// brings one from an installation under another key (SECURITY row 58).
func TestMovedRecordsAreRefused(t *testing.T) {
	c := codec(t, newKey)
	v := c.Seal("s/a", []byte("alice"))
	want := sealed.Refusals() // of the process, so this test runs alone
	for _, k := range []store.Key{"s/b", "j/a", "u/a", "s/", "s/aa", "", "S/a"} {
		if _, err := c.Open(k, bytes.Clone(v)); !errors.Is(err, sealed.ErrSealed) {
			t.Errorf("as %q: %v", k, err)
		}
	}
	stranger := sealed.Key{ID: newKey.ID, Key: [32]byte{9}}
	for _, other := range []sealed.Key{oldKey, stranger} {
		if _, err := c.Open("s/a", codec(t, other).Seal("s/a", []byte("alice"))); !errors.Is(err, sealed.ErrSealed) {
			t.Errorf("from another key %q: %v", other.ID, err)
		}
	}
	for kind, n := range map[string]uint64{"s": 3 + 2, "j": 1, "u": 1, "other": 2} {
		want[kind] += n
	}
	if got := sealed.Refusals(); !maps.Equal(got, want) {
		t.Errorf("refusals by kind are %v, want %v", got, want)
	}
}

// TestEveryByteCounts flips, cuts and appends.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	c := codec(t, newKey, oldKey)
	v := c.Seal("s/a", []byte("alice"))
	for i := range v {
		for bit := range 8 {
			bad := bytes.Clone(v)
			bad[i] ^= 1 << bit
			if _, err := c.Open("s/a", bad); !errors.Is(err, sealed.ErrSealed) {
				t.Errorf("byte %d, bit %d flipped: %v", i, bit, err)
			}
		}
		if _, err := c.OpenInPlace("s/a", bytes.Clone(v[:i])); !errors.Is(err, sealed.ErrSealed) {
			t.Errorf("cut to %d bytes: %v", i, err)
		}
	}
	if _, err := c.Open("s/a", append(bytes.Clone(v), 0)); !errors.Is(err, sealed.ErrSealed) {
		t.Errorf("a byte appended: %v", err)
	}
	if got, err := c.Open("s/a", v); err != nil || string(got) != "alice" {
		t.Errorf("Open changed the value: %q, %v", got, err)
	}
}

func TestSealIsRandom(t *testing.T) {
	t.Parallel()
	c := codec(t, newKey)
	if bytes.Equal(c.Seal("s/a", []byte("x")), c.Seal("s/a", []byte("x"))) {
		t.Error("the same nonce twice")
	}
}

func TestOpenInPlace(t *testing.T) {
	t.Parallel()
	c := codec(t, newKey)
	v := c.Seal("s/a", []byte("alice"))
	plain, err := c.OpenInPlace("s/a", v)
	if err != nil || string(plain) != "alice" {
		t.Fatalf("%q, %v", plain, err)
	}
	if v[len(v)-16-1] != 'e' {
		t.Error("the plain text is not in the given buffer")
	}
}

func FuzzOpen(f *testing.F) {
	c := codec(f, newKey, oldKey)
	f.Add("s/golden", []byte(golden))
	f.Add("s/other", []byte(golden))
	f.Add("s/golden", []byte(golden[:len(golden)-1]))
	f.Add("", []byte{})
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		plain, err := c.Open(store.Key(key), value)
		inPlace, err2 := c.OpenInPlace(store.Key(key), bytes.Clone(value))
		if !errors.Is(err2, err) || !bytes.Equal(plain, inPlace) {
			t.Fatalf("Open: %q, %v; OpenInPlace: %q, %v", plain, err, inPlace, err2)
		}
		// Nobody without the key makes a value that opens.
		if err == nil && (key != "s/golden" || string(value) != golden) {
			t.Fatalf("a forgery opens as %q", plain)
		}
	})
}

func BenchmarkOpenInPlace(b *testing.B) {
	c := codec(b, newKey)
	const k = store.Key("s/0123456789012345678901234567890123456789012")
	v := c.Seal(k, make([]byte, 400))
	buf := make([]byte, len(v))
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, v)
		if _, err := c.OpenInPlace(k, buf); err != nil {
			b.Fatal(err)
		}
	}
}
