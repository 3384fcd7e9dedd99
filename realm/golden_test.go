package realm_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/realm"
	"github.com/amgate/amgate/realm/realmtest"
	"github.com/amgate/amgate/store"
)

// update writes a golden file for the store as this version leaves it. Do not
// write over one that was released: add another.
var update = flag.Bool("update", false, "write testdata/store.v1.json anew")

const goldenStore = "testdata/store.v1.json"

// stocked is a store with what its clients hold: a session, unfinished
// journeys by realm, and a link.
type stocked struct {
	Records  []goldenRecord    `json:"records"`
	Session  string            `json:"session"`
	Journeys map[string]string `json:"journeys"`
	Link     string            `json:"link"`
}

type goldenRecord struct {
	Key     store.Key `json:"key"`
	Value   []byte    `json:"value"`
	Expires time.Time `json:"expires,omitzero"`
}

// goldenSite is a node on st with a realm for each way that journeys lie in
// the store: /alpha, /carried by the client, and /mailed, suspended.
func goldenSite(t *testing.T, st store.Store, o *realmtest.Outbox) *realmtest.Site {
	t.Helper()
	s := realmtest.New(t, st, realm.Config{
		Realms: realmtest.Complete(
			realm.Settings{Path: "/"},
			realm.Settings{Path: "/alpha", Users: people, Journeys: trees(), JourneySessions: realm.JourneysServer},
			realm.Settings{Path: "/carried", Users: people, Journeys: trees(), JourneySessions: realm.JourneysClient},
			realm.Settings{Path: "/mailed", Users: people, Journeys: mail(o, 0), JourneySessions: realm.JourneysServer},
		),
		BaseURL: realmtest.Origin, Base: realmtest.Base,
	})
	if err := s.Start(t.Context(), s.Backend); err != nil {
		t.Fatal(err)
	}
	return s
}

// stock makes the store of the golden file.
func stock(t *testing.T) stocked {
	t.Helper()
	st, o := realmtest.NewStore(t), realmtest.NewOutbox()
	s := goldenSite(t, st, o)
	stock := stocked{Session: login(t, s.At(t, "/alpha"), request()).Token, Journeys: make(map[string]string)}
	for _, path := range []string{"/alpha", "/carried"} {
		stock.Journeys[path] = begin(t, s.At(t, path), request(), "alice").AuthID
	}
	begin(t, s.At(t, "/mailed"), request(), "alice")
	stock.Link = o.Link(t).Query().Get("suspendedId")
	for after := store.Key(""); ; {
		page, _, err := st.List(t.Context(), "", store.Page{After: after})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return stock
		}
		for _, r := range page {
			stock.Records = append(stock.Records, goldenRecord{r.Key, r.Value, r.Expires})
		}
		after = page[len(page)-1].Key
	}
}

// A store that an older version left is read by this one: its secrets, a
// session and its index entry, journeys on the server and with the client, and
// a suspended one. The clock is where it was when the file was written.
func TestStoreOfAnOlderVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if *update {
			text, err := json.MarshalIndent(stock(t), "", "\t")
			if err == nil {
				err = os.WriteFile(goldenStore, append(text, '\n'), 0o644) // #nosec G306 -- a test file
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		text, err := os.ReadFile(goldenStore)
		if err != nil {
			t.Fatal(err)
		}
		var old stocked
		if err := json.Unmarshal(text, &old); err != nil {
			t.Fatal(err)
		}
		st, kinds := realmtest.NewStore(t), make(map[string]int)
		for _, r := range old.Records {
			kinds[r.Key.Kind()]++
			if _, err := st.Commit(t.Context(), store.Put(r.Key, r.Value, r.Expires)); err != nil {
				t.Fatal(err)
			}
		}
		for _, kind := range []string{"k", "s", "u", "j", "a"} {
			if kinds[kind] == 0 {
				t.Errorf("the file has no record of the kind %s", kind)
			}
		}

		o := realmtest.NewOutbox()
		s := goldenSite(t, st, o)
		if !s.Lives(t, old.Session) {
			t.Error("the session is not known")
		}
		for path, authID := range old.Journeys {
			req := request()
			req.AuthID = authID
			reply, err := s.At(t, path).Authenticate(t.Context(), withAnswer(req, "wonder land"))
			if err != nil || reply.Success == nil {
				t.Errorf("the journey of %s: %+v, %v", path, reply, err)
			}
		}
		reply, err := follow(t, s.At(t, "/mailed"), realm.Browser{}, old.Link)
		if err != nil || reply.Step == nil {
			t.Fatalf("the link: %+v, %v", reply, err)
		}
		if done := answer(t, s.At(t, "/mailed"), reply.Step, "wonder land"); done.Success == nil {
			t.Errorf("the suspended journey: %+v", done.Failure)
		}
	})
}

// withAnswer adds the answer of a password callback.
func withAnswer(req realm.Request, password string) realm.Request {
	req.Callbacks = json.RawMessage(`[{"type":"PasswordCallback","input":[{"name":"IDToken1","value":"` + password + `"}]}]`)
	return req
}
