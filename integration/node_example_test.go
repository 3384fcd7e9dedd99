package integration

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNodeExample compiles the example of a node that somebody else wrote, as
// the separate module that it is, and runs its tests. It needs nothing that
// amgate itself does not need.
func TestNodeExample(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{{"build", "./..."}, {"vet", "./..."}, {"test", "./..."}} {
		cmd := exec.CommandContext(t.Context(), "go", command...)
		cmd.Dir = filepath.Join(root, "docs", "examples", "node-badge")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v; after a change of go.mod, run go mod tidy there too\n%s", command[0], err, out)
		}
	}
}
