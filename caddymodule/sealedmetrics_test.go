package caddymodule

import (
	"errors"
	"net/http"
	"testing"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
)

// Refused records are counted for the process, under kinds that nobody can
// add to.
func TestRefusedRecordsAreCounted(t *testing.T) {
	socket := newSocket(t)
	if err := run(t, `{`+recordedOne+`}`, site(socket)); err != nil {
		t.Fatal(err)
	}
	client := visitor(t, socket)
	count := func(client *http.Client, kind string) float64 {
		t.Helper()
		return mustFloat(t, scrape(t, client)[`amgate_store_records_refused_total{kind="`+kind+`"}`])
	}
	sessions, others := count(client, "s"), count(client, "other")
	codec, err := sealed.New([]sealed.Key{{ID: "12345678"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []store.Key{"s/moved", "hostile\"} 1/x"} {
		if _, err := codec.Open(key, codec.Seal("s/here", nil)); !errors.Is(err, sealed.ErrSealed) {
			t.Fatal(err)
		}
	}
	if got := count(client, "s"); got != sessions+1 {
		t.Errorf("%v sessions refused, want %v", got, sessions+1)
	}
	if got := count(client, "other"); got != others+1 {
		t.Errorf("%v others refused, want %v", got, others+1)
	}
}
