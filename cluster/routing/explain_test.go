package routing

import "testing"

// What an operator calls a node is a string of RFC 9651, whatever is in it.
func TestNamesAreStructuredStrings(t *testing.T) {
	t.Parallel()
	if got := explanation("node").text("name", "a \"b\\c\nd\\ü").why(whyHere); got != `node;name="a \"b\\c?d\\?";why=here` {
		t.Errorf("got %s", got)
	}
}
