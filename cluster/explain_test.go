package cluster_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/amgate/amgate/cluster"
)

// TestForgedExplainKeysOpenNothing: nobody makes a key, makes one good for
// longer, or uses one when its time is over.
func TestForgedExplainKeysOpenNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := cluster.NewExplainKeys([32]byte{1}), cluster.NewExplainKeys([32]byte{2})
		key := ours.Mint(time.Now().Add(time.Hour))
		if !ours.Valid(key) {
			t.Error("a key is refused")
		}
		for name, bad := range map[string]string{
			"another installation's": theirs.Mint(time.Now().Add(time.Hour)), "over": ours.Mint(time.Now()),
			"none": "", "the mark alone": "amx1.", "without its mark": strings.TrimPrefix(key, "amx1."), "longer": key + "A",
			"shorter": key[:len(key)-1], "huge": "amx1." + strings.Repeat("A", 1<<20), "with a line break": key[:20] + "\n" + key[20:],
		} {
			if ours.Valid(bad) {
				t.Errorf("a key that is %s is good", name)
			}
		}
		for i := range len(key) {
			for bit := range 8 {
				bad := []byte(key)
				bad[i] ^= 1 << bit
				if ours.Valid(string(bad)) {
					t.Fatalf("character %d may be %q for %q", i, bad[i], key[i])
				}
			}
		}
		time.Sleep(time.Hour)
		if ours.Valid(key) {
			t.Error("a key is good when its time is over")
		}
	})
}
