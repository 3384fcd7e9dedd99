package nodes_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
)

// pick is the element of a list that a number means.
func pick[T any](list []T, n uint) T { return list[n%uint(len(list))] }

// placeholder begins AM's property substitution, which Decode refuses.
const placeholder = "&{"

// again is a node as its JSON gives it back.
func again(t *testing.T, spec nodes.Spec, node journey.Node) journey.Node {
	t.Helper()
	written, err := json.Marshal(node)
	if err != nil {
		t.Fatalf("%s: %v", spec.Name, err)
	}
	back, unknown, err := spec.Decode(written)
	if err != nil || len(unknown) > 0 {
		t.Fatalf("%s: unknown members %v, error %v: %s", spec.Name, unknown, err, written)
	}
	return back
}

// FuzzSpecSet gives every option of every node any arguments. They are taken
// or refused, never half; what is taken can be written as JSON and read again.
func FuzzSpecSet(f *testing.F) {
	for i, spec := range nodes.All() {
		for j, o := range spec.Options {
			f.Add(uint(i), uint(j), strings.Join(o.Arguments(), "\n"), o.Default)
		}
	}
	f.Fuzz(func(t *testing.T, i, j uint, first, second string) {
		spec := pick(nodes.All(), i)
		if len(spec.Options) == 0 || strings.Contains(first+second, placeholder) {
			return
		}
		option, node, taken := pick(spec.Options, j), spec.New(), 0
		for _, arguments := range []string{first, second} {
			before := again(t, spec, node)
			if err := spec.Set(node, option.Name, strings.Split(arguments, "\n")); err == nil {
				taken++
			} else if after := again(t, spec, node); !reflect.DeepEqual(after, before) {
				t.Errorf("%s: %v, but %+v became %+v", spec.Name, err, before, after)
			}
		}
		if ch, ok := node.(journey.Checker); ok {
			_ = ch.Check() // either is fine
		}
		_ = node.Outcomes()
		if back := again(t, spec, node); taken > 0 && !reflect.DeepEqual(again(t, spec, back), back) {
			t.Errorf("%s: %+v", spec.Name, node)
		}
	})
}

// FuzzSpecDecode reads anything as the configuration of every node. What is
// accepted is the same node when it is written and read again.
func FuzzSpecDecode(f *testing.F) {
	for i, spec := range nodes.All() {
		for _, node := range []journey.Node{spec.New(), exampleOf(f, spec)} {
			written, err := json.Marshal(node)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint(i), written)
		}
	}
	for i, seed := range []string{"", "null", "[]", `{"_id":"x","retryLimit":null,"other":1}`, `{"":{}}`, `{"message":{"en":"\ud800"}}`, `{"nodes":[null,{"_id":1}]}`} {
		f.Add(uint(i), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, i uint, raw []byte) {
		spec := pick(nodes.All(), i)
		node, _, err := spec.Decode(raw)
		if err != nil || strings.Contains(string(raw), `\u007b`) { // perhaps a placeholder's brace
			return
		}
		if ch, ok := node.(journey.Checker); ok {
			_ = ch.Check() // either is fine
		}
		_ = node.Outcomes()
		if back := again(t, spec, node); !reflect.DeepEqual(back, node) {
			t.Errorf("%s: %s\nwas read as   %+v\nand comes back %+v", spec.Name, raw, node, back)
		}
	})
}
