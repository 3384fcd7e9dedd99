package migrate_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/caddyserver/caddy/v2"

	"github.com/amgate/amgate/caddymodule"
	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
	"github.com/amgate/amgate/journey/treefile"
	"github.com/amgate/amgate/migrate"
)

// adapted are the journeys of a Caddyfile with these blocks in the root realm.
func adapted(t *testing.T, blocks string) map[string]*journey.Tree {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	defer cancel()
	realms, err := caddymodule.Inspect(ctx, []byte("{\n\tam {\n"+blocks+"\n\t}\n}\n"), "Caddyfile", "caddyfile")
	if err != nil {
		t.Fatalf("%v\n%s", err, blocks)
	}
	return realms[0].Inline
}

// TestConvertedJourneysAreTheSame: a block of a Caddyfile is the journey that it
// was written from, node by node, option by option, wire by wire.
func TestConvertedJourneysAreTheSame(t *testing.T) {
	trees := []*journey.Tree{sample(), nodes.Login()}
	const shared = "../../shared/journeys"
	if _, err := os.Stat(shared); err == nil {
		trees = append(trees, sharedJourneys(t, shared)...)
	} else {
		t.Log("the collection of exports, ../shared/journeys beside this repository, is not here; other journeys are")
	}
	for _, want := range trees {
		var block bytes.Buffer
		if err := migrate.Journey(&block, want); err != nil {
			t.Error(err)
			continue
		}
		got := adapted(t, block.String())[want.Name]
		if got == nil || form(t, got) != form(t, want) {
			t.Errorf("%s became another journey:\n%s", want.Name, block.String())
		}
	}
}

// sharedJourneys are the real exports that can run and have nodes.
func sharedJourneys(t *testing.T, folder string) []*journey.Tree {
	t.Helper()
	var trees []*journey.Tree
	for _, of := range []string{"am-classic", "aic", "android-sdk", "platform-ui"} {
		set, err := treefile.Load([]string{folder + "/" + of + "*"}, nodes.Types{})
		if err != nil {
			t.Fatal(err)
		}
		for _, j := range set.Journeys {
			// A Caddyfile has no journeys that can only fail.
			if len(j.Problems) == 0 && j.Tree.Check() == nil && len(j.Tree.Nodes) > 0 {
				trees = append(trees, j.Tree)
			}
		}
	}
	if len(trees) < 5 {
		t.Errorf("only %d exports can run", len(trees))
	}
	return trees
}
