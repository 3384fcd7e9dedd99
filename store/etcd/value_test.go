package etcd

import (
	"errors"
	"testing"
	"time"
)

func TestDeadlinesNearZero(t *testing.T) {
	for _, c := range []struct{ given, want time.Time }{
		{time.Time{}, time.Time{}},
		{time.UnixMilli(0), time.UnixMilli(1)}, // long past, and not "none"
		{time.UnixMilli(-5), time.UnixMilli(1)},
		{time.Unix(1_700_000_000, 123_999_999), time.UnixMilli(1_700_000_000_123)},
	} {
		_, got, err := decode([]byte(encode([]byte("v"), c.given)))
		if err != nil || !got.Equal(c.want) {
			t.Errorf("%v comes back as %v, %v; want %v", c.given, got, err, c.want)
		}
	}
}

// TestLayoutIsAsItWas: what lies in etcd is read by every later version.
func TestLayoutIsAsItWas(t *testing.T) {
	for _, c := range []struct {
		stored  string
		value   string
		expires time.Time
	}{
		{"\x01\x00\x00\x01\x8b\xcf\xe5\x68\x7bvalue", "value", time.UnixMilli(1_700_000_000_123)},
		{"\x01\x00\x00\x00\x00\x00\x00\x00\x00", "", time.Time{}},
	} {
		value, expires, err := decode([]byte(c.stored))
		if err != nil || string(value) != c.value || !expires.Equal(c.expires) {
			t.Errorf("%q is read as %q until %v, %v", c.stored, value, expires, err)
		}
		if got := encode([]byte(c.value), c.expires); got != c.stored {
			t.Errorf("it is written %q, was %q", got, c.stored)
		}
	}
}

// FuzzDecode: what is accepted has one form only, so that no two different
// byte strings in etcd are the same record.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(encode([]byte("value"), time.UnixMilli(1_700_000_000_123))))
	f.Add([]byte(encode(nil, time.Time{})))
	f.Add([]byte("\x01\x7f\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\x01\x80\x00\x00\x00\x00\x00\x00\x00v"))
	f.Add([]byte("\x02\x00\x00\x00\x00\x00\x00\x00\x00v"))
	f.Add([]byte("\x01\x00"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, stored []byte) {
		value, expires, err := decode(stored)
		if err != nil {
			if !errors.Is(err, ErrMalformed) || value != nil {
				t.Fatalf("refused with %q and %v", value, err)
			}
			return
		}
		if again := encode(value, expires); again != string(stored) {
			t.Fatalf("%q was accepted and is %q when written again", stored, again)
		}
	})
}
