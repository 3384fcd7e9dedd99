package callback_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/amgate/amgate/journey/callback"
)

// TestRecordedCallbacks: what a real AM asked is read and written again as it
// was, byte by byte, and what a real client answered is understood. The
// recordings lie beside the checkout, or where AMGATE_RECORDINGS says, and are
// not part of it.
func TestRecordedCallbacks(t *testing.T) {
	folder := cmp.Or(os.Getenv("AMGATE_RECORDINGS"), filepath.Join("..", "..", "..", "shared", "recordings"))
	f, err := os.Open(filepath.Join(folder, "authenticate.jsonl"))
	if err != nil {
		t.Skipf("no recordings of real servers here to compare with: %v", err)
	}
	defer f.Close()
	type message struct {
		Body struct{ Callbacks json.RawMessage }
	}
	var asked callback.List
	steps, answers := 0, 0
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r struct {
			ID                string
			Request, Response message
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if raw := r.Request.Body.Callbacks; raw != nil && asked != nil {
			answers++
			if _, err := asked.Answer(raw); err != nil {
				t.Errorf("%s: %v", r.ID, err)
			}
		}
		asked = nil
		if raw := r.Response.Body.Callbacks; raw != nil {
			steps++
			if err := json.Unmarshal(raw, &asked); err != nil {
				t.Fatalf("%s: %v", r.ID, err)
			}
			var want bytes.Buffer
			if err := json.Compact(&want, raw); err != nil {
				t.Fatal(err)
			}
			got, err := asked.MarshalJSON()
			if err != nil || !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%s: error %v\ngot  %s\nwant %s", r.ID, err, got, want.Bytes())
			}
		}
	}
	if steps == 0 || answers == 0 {
		t.Errorf("%d recorded steps and %d answers", steps, answers)
	}
}
