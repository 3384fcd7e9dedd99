package affinity_test

import (
	"strings"
	"testing"
)

// TestNobodyElseVouchesForAnAddress: what a client makes up, changes or has from
// another cluster is no address that an edge knows a node by.
func TestNobodyElseVouchesForAnAddress(t *testing.T) {
	t.Parallel()
	genuine := ours.Vouch("am-1:8080")
	if got, ok := ours.Vouched(genuine); !ok || got != "am-1:8080" {
		t.Errorf("%q is %q, %t", genuine, got, ok)
	}
	forged := map[string]string{
		"nothing": "", "an address": "am-1:8080", "another cluster's": theirs.Vouch("am-1:8080"), "longer": genuine + "A",
		"of another address": strings.Replace(genuine, "am-1", "am-2", 1), "with a line break": genuine + "\n", "large": ours.Vouch(strings.Repeat("a", 1<<16)),
		"an affinity": ours.Format(ours.Begin()), "of two words": strings.Replace(genuine, "am-1", "am 1", 1),
	}
	for i := range genuine {
		bad := []byte(genuine)
		bad[i] ^= 1
		forged["changed at "+string(rune('0'+i))] = string(bad)
	}
	for name, text := range forged {
		if got, ok := ours.Vouched(text); ok {
			t.Errorf("%s: %q is believed", name, got)
		}
	}
}
