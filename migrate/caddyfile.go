package migrate

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/amgate/amgate/journey"
	"github.com/amgate/amgate/journey/nodes"
)

// errQuote says that a text can be written in no way.
var errQuote = errors.New("a Caddyfile cannot express this text: it is {, } or has {$ in it, or backquotes beside quotes or backslashes")

// quote is a word of a Caddyfile that means s.
func quote(s string) (string, error) {
	plain := s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_-./:@%+,=?&!*;~", r)
	})
	switch {
	case plain:
		return s, nil
	case s == "{", s == "}", strings.Contains(s, "{$"), strings.ContainsRune(s, 0), strings.Contains(s, "\r"):
		return "", errQuote
	case !strings.ContainsAny(s, "\"\\"):
		return `"` + s + `"`, nil
	case !strings.Contains(s, "`"):
		return "`" + s + "`", nil
	}
	return "", errQuote
}

// block writes lines of a Caddyfile.
type block struct {
	text   strings.Builder
	indent int
	errs   []error
}

// line writes words, each quoted if need be.
func (b *block) line(words ...string) {
	for i, w := range words {
		q, err := quote(w)
		if err != nil {
			b.errs = append(b.errs, fmt.Errorf("%s: %w", words[0], err))
			return
		}
		words[i] = q
	}
	b.raw(strings.Join(words, " "))
}

func (b *block) raw(text string) {
	if text != "" {
		b.text.WriteString(strings.Repeat("\t", b.indent))
	}
	b.text.WriteString(text + "\n")
}

// comment writes a comment of one line.
func (b *block) comment(format string, args ...any) {
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, fmt.Sprintf(format, args...))
	b.raw("# " + strings.ReplaceAll(text, "{$", "{ $"))
}

// begin writes words and begins a block.
func (b *block) begin(words ...string) {
	before := b.text.Len()
	b.line(words...)
	if b.text.Len() > before {
		text := strings.TrimSuffix(b.text.String(), "\n") + " {\n"
		b.text.Reset()
		b.text.WriteString(text)
	}
	b.indent++
}

func (b *block) end() {
	b.indent--
	b.raw("}")
}

// duration is a duration in the largest unit that fits.
func duration(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	}
	return d.String()
}

// Journey writes a journey as a block of a Caddyfile, for the am block or that
// of a realm. The tree must not be linked. An error says what a Caddyfile cannot
// express; nothing is written then.
func Journey(w io.Writer, t *journey.Tree) error {
	b := new(block)
	j := journeyWriter{block: b, tree: t, order: walk(t)}
	j.name()
	if len(j.order) == 0 {
		return fmt.Errorf("journey %s has no nodes, which a Caddyfile cannot express", t.Name)
	}
	b.begin("journey", t.Name)
	j.settings()
	for _, id := range j.order {
		p := t.Nodes[id]
		j.node(id, p.Type, p.Node)
	}
	b.raw("")
	for _, id := range j.order {
		j.wires(t.Nodes[id])
	}
	b.end()
	if len(b.errs) > 0 {
		return fmt.Errorf("journey %s: %w", t.Name, errors.Join(b.errs...))
	}
	_, err := io.WriteString(w, b.text.String())
	return err
}

// journeyWriter writes one journey.
type journeyWriter struct {
	*block
	tree  *journey.Tree
	order []string          // the ids of the nodes, the entry first
	ids   map[string]string // what they are called here; those of pages by "page/child"
	taken map[string]bool
}

// walk lists the nodes as somebody meets them who follows the wires.
func walk(t *journey.Tree) []string {
	var order []string
	seen := map[string]bool{}
	for todo := []string{t.Entry}; len(todo) > 0; todo = todo[1:] {
		id := todo[0]
		p := t.Nodes[id]
		if p == nil || seen[id] {
			continue
		}
		seen[id] = true
		order = append(order, id)
		for _, outcome := range p.Node.Outcomes() {
			todo = append(todo, p.Next[outcome])
		}
	}
	return order
}

// reserved are words that a line of a journey's block may begin with, and the
// ends of journeys.
var reserved = []string{
	"node", "description", "timeout", "max_time", "idle_timeout", "disabled", "inner_only", "no_session", "must_run",
	journey.Success, journey.Failure,
}

// name finds ids that people can read.
func (j *journeyWriter) name() {
	j.ids, j.taken = make(map[string]string), make(map[string]bool)
	for _, word := range reserved {
		j.taken[word] = true
	}
	for _, id := range j.order {
		p := j.tree.Nodes[id]
		j.ids[id] = j.readable(id, p.Name, p.Type)
		if parent, ok := p.Node.(journey.Parent); ok {
			for _, child := range parent.Parts() {
				j.ids[id+"/"+child.ID] = j.readable(child.ID, child.Name, child.Type)
			}
		}
	}
}

// readable is an id made of a display name, unlike every other.
func (j *journeyWriter) readable(id, name, kind string) string {
	word := slug(name)
	if word == "" {
		if spec, ok := nodes.Lookup(kind); ok {
			word = spec.Name
		}
	}
	if word == "" {
		word = slug(id)
	}
	unique := word
	for n := 2; j.taken[unique] || unique == ""; n++ {
		unique = fmt.Sprintf("%s_%d", word, n)
	}
	j.taken[unique] = true
	return unique
}

// slug keeps letters and digits, in small letters, with "_" between words.
func slug(name string) string {
	const most = 40
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	word := strings.Join(words, "_")
	if len(word) > most {
		word = strings.TrimRight(word[:most], "_")
	}
	return word
}

func (j *journeyWriter) settings() {
	t := j.tree
	if t.Description != "" {
		j.line("description", t.Description)
	}
	for _, s := range []struct {
		name  string
		value time.Duration
	}{{"timeout", t.Timeout}, {"max_time", t.MaxTime}, {"idle_timeout", t.IdleTime}} {
		if s.value > 0 {
			j.line(s.name, duration(s.value))
		}
	}
	for _, s := range []struct {
		name string
		on   bool
	}{{"disabled", t.Disabled}, {"inner_only", t.InnerOnly}, {"no_session", t.NoSession}, {"must_run", t.MustRun}} {
		if s.on {
			j.line(s.name)
		}
	}
}

// node writes a node with its options, and those that are on it.
func (j *journeyWriter) node(path, kind string, node journey.Node) {
	id := j.ids[path]
	spec, ok := nodes.Lookup(kind)
	if !ok {
		j.errs = append(j.errs, fmt.Errorf("node %s: amgate has no node of the type %s", id, kind))
		return
	}
	lines, rest := spec.Written(node)
	for _, property := range rest {
		j.comment("not converted: node %s: property %s", id, property)
	}
	parent, isParent := node.(journey.Parent)
	if len(lines) == 0 && !isParent {
		j.line("node", id, spec.Name)
		return
	}
	j.begin("node", id, spec.Name)
	for _, line := range lines {
		j.line(line...)
	}
	if isParent {
		for _, child := range parent.Parts() {
			j.node(path+"/"+child.ID, child.Type, child.Node)
		}
	}
	j.end()
}

// wires writes where a node leads, in one line if that is one place.
func (j *journeyWriter) wires(p *journey.Placed) {
	outcomes := p.Node.Outcomes()
	to := func(outcome string) string {
		if id, ok := j.ids[p.Next[outcome]]; ok {
			return id
		}
		return p.Next[outcome] // an end
	}
	if len(outcomes) > 0 && !slices.ContainsFunc(outcomes, func(o string) bool { return to(o) != to(outcomes[0]) }) {
		j.raw(j.ids[p.ID] + " -> " + to(outcomes[0]))
		return
	}
	for _, outcome := range outcomes {
		word, err := quote(outcome)
		if err != nil {
			j.errs = append(j.errs, fmt.Errorf("node %s: outcome: %w", j.ids[p.ID], err))
			continue
		}
		j.raw(j.ids[p.ID] + " " + word + " -> " + to(outcome))
	}
}
