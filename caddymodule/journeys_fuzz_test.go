package caddymodule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

// FuzzJourney writes anything into the block of a journey. The parser accepts
// or refuses it and never panics, and neither does what builds the tree. What
// is accepted means the same when it is read again, from the Caddyfile and
// from the JSON that it became.
func FuzzJourney(f *testing.F) {
	for _, seed := range []string{
		"",
		"node name username\nname -> success",
		"node zero zero_page_login\nnode check data_store\nzero true -> check\nzero false -> failure\ncheck true -> success\ncheck -> failure",
		"timeout 10m\nnode p page {\n\theader \"Sign in\"\n\tnode name username\n\tnode pass password\n}\np -> success",
		"node again retry_limit {\n\tlimit 3\n}\nagain Retry -> again\nagain reject -> failure",
		"node m message {\n\tmessage en hello\n\tmessage de hallo\n}\nm true -> success\nm false -> failure",
		"node p page {\n\tnode q page {\n\t\tnode r page\n\t}\n}",
		"node a username {\n\tnode b username\n}",
		"node\nnode a\nnode a b\nnode success username\n->\n-> ->\na -> b -> c\na b c -> d",
		"timeout\ntimeout 0s\ntimeout 1m\ntimeout 2m",
		"node a username\nnode a password\na -> a\na -> a",
		"node a username {\n",
		"}\n}\nrealm /x {\n\tjourney J {",
		"node a username \"{env.HOME}\"\nnode {$X} username\nnode `a b` username",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		adapted, err := adaptJourney(body)
		again, errAgain := adaptJourney(body)
		if fmt.Sprint(err) != fmt.Sprint(errAgain) || !bytes.Equal(adapted, again) {
			t.Fatalf("at first %s, %v; then %s, %v", adapted, err, again, errAgain)
		}
		if err != nil {
			return
		}
		var app App
		if err := json.Unmarshal(adapted, &app); err != nil {
			t.Fatalf("%v: %s", err, adapted)
		}
		if back, err := json.Marshal(&app); err != nil || !bytes.Equal(back, adapted) {
			t.Fatalf("%v\nfrom the Caddyfile: %s\nread and written:   %s", err, adapted, back)
		}
		ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
		defer cancel()
		for _, r := range app.Realms {
			for _, j := range r.Journeys {
				// Either is fine: a tree, or an error that is not hidden.
				if tree, err := j.tree(ctx); err == nil && tree.Check() != nil {
					t.Errorf("journey %s was accepted, and is none: %v", j.Name, tree.Check())
				}
			}
		}
	})
}

// adaptJourney reads an am block with one journey, and returns the app's JSON.
func adaptJourney(body string) (json.RawMessage, error) {
	tokens, err := caddyfile.Tokenize([]byte("am {\n\tjourney J {\n"+body+"\n\t}\n}\n"), "Caddyfile")
	if err != nil {
		return nil, err
	}
	app, err := parseApp(caddyfile.NewDispenser(tokens), nil)
	if err != nil {
		return nil, err
	}
	return app.(httpcaddyfile.App).Value, nil
}
