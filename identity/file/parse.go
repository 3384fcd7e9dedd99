package file

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/password"
)

// maxProblems is how many mistakes one error tells of.
const maxProblems = 10

// parse reads a version of the file. The error tells of each mistake, up to
// ten, as "users.yaml:12: …", and never repeats a password or its hash.
func parse(path string, text []byte) (*people, error) {
	r := reader{file: filepath.Base(path)}
	root, problem := readTree(text)
	if problem != nil {
		r.refuse(problem.line, "%s", problem.what)
		return nil, r.err()
	}
	all := r.users(root)
	if err := r.err(); err != nil {
		return nil, err
	}
	return newPeople(all), nil
}

// reader turns the tree of a file into people and collects what is wrong.
type reader struct {
	file     string
	problems []error
	more     int
}

func (r *reader) refuse(line int, format string, args ...any) {
	if len(r.problems) == maxProblems {
		r.more++
		return
	}
	r.problems = append(r.problems, fmt.Errorf("%s:%d: %s", r.file, line, fmt.Sprintf(format, args...)))
}

func (r *reader) err() error {
	problems := r.problems
	if r.more > 0 {
		problems = append(problems, fmt.Errorf("%s: and %d more", r.file, r.more))
	}
	return errors.Join(problems...)
}

func (r *reader) users(root *yaml.Node) []*person {
	var all []*person
	r.members(root, "", "the file", map[string]func(*yaml.Node, string){
		"users": func(n *yaml.Node, where string) {
			if n.Kind != yaml.SequenceNode {
				r.refuse(n.Line, "%sis %s, it must be a list of users", where, kindOf(n))
				return
			}
			ids, names := make(map[string]int), make(map[string]int)
			for i, item := range n.Content {
				one := r.user(item, i+1)
				r.unique(ids, item.Line, "id", one.user.ID, one.user.ID)
				r.unique(names, item.Line, "username", one.user.Username, identity.Canonical(one.user.Username))
				all = append(all, one)
			}
		},
	})
	if root.Kind == yaml.MappingNode && memberOf(root, "users") == nil {
		r.refuse(root.Line, "there is no member %q; a realm without people has %q", "users", "users: []")
	}
	return all
}

// unique refuses a value that another user has. seen holds the lines.
func (r *reader) unique(seen map[string]int, line int, what, value, form string) {
	if form == "" {
		return // refused already
	}
	if other, twice := seen[form]; twice {
		r.refuse(line, "user %q: the user of line %d has the same %s", value, other, what)
		return
	}
	seen[form] = line
}

// user reads the user that is the number-th of the list.
func (r *reader) user(n *yaml.Node, number int) *person {
	one := &person{user: identity.User{Active: true}}
	u := &one.user
	where := fmt.Sprintf("user %d: ", number)
	if name := memberOf(n, "username"); name != nil && name.Kind == yaml.ScalarNode && name.Value != "" {
		where = fmt.Sprintf("user %q: ", name.Value)
	}
	r.members(n, where, "a user", map[string]func(*yaml.Node, string){
		"id":       func(n *yaml.Node, where string) { u.ID = r.name(n, where) },
		"username": func(n *yaml.Node, where string) { u.Username = r.name(n, where) },
		"password": func(n *yaml.Node, where string) { one.digest, u.HasPassword = r.password(n, where) },
		"roles":    func(n *yaml.Node, where string) { u.Roles = r.roles(n, where) },
		"active":   func(n *yaml.Node, where string) { u.Active = r.flag(n, where) },
		"attributes": func(n *yaml.Node, where string) {
			u.Attributes = r.attributes(n, where)
		},
	})
	if n.Kind == yaml.MappingNode && memberOf(n, "username") == nil {
		r.refuse(n.Line, "%sthere is no username", where)
	}
	if u.ID == "" && memberOf(n, "id") == nil {
		u.ID = u.Username
	}
	return one
}

// members reads a mapping whose members are known, each at most once.
func (r *reader) members(n *yaml.Node, where, what string, known map[string]func(*yaml.Node, string)) {
	if n.Kind != yaml.MappingNode {
		r.refuse(n.Line, "%s%s is %s, it must have members", where, what, kindOf(n))
		return
	}
	seen := make(map[string]bool, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := known[key.Value]
		switch {
		case !ok || key.Kind != yaml.ScalarNode:
			r.refuse(key.Line, "%sunknown member %s; known are %s", where, shown(key), list(known))
		case seen[key.Value]:
			r.refuse(key.Line, "%sthe member %q is there twice", where, key.Value)
		default:
			read(value, where+key.Value+": ")
		}
		seen[key.Value] = true
	}
}

// text reads a text. What YAML takes for a number, a date or a truth value
// is refused: it might lose its zeros, and a quote costs nothing.
func (r *reader) text(n *yaml.Node, where string) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
		r.refuse(n.Line, "%sis %s, it must be a text; put it in quotes", where, kindOf(n))
		return "", false
	}
	return n.Value, true
}

// name reads a text that stands for something in headers and lists.
func (r *reader) name(n *yaml.Node, where string) string {
	text, ok := r.text(n, where)
	switch {
	case !ok:
	case identity.Canonical(text) == "":
		r.refuse(n.Line, "%sis empty", where)
	case strings.ContainsFunc(text, unicode.IsControl):
		r.refuse(n.Line, "%sholds a control character", where)
	default:
		return text
	}
	return ""
}

func (r *reader) password(n *yaml.Node, where string) (password.Digest, bool) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return password.Digest{}, false
	}
	text, ok := r.text(n, where)
	if !ok || text == "" {
		return password.Digest{}, false
	}
	d, err := password.Parse(text)
	if err != nil {
		r.refuse(n.Line, "%s%v (amgate hash-password makes one)", where, err)
	}
	return d, err == nil
}

func (r *reader) roles(n *yaml.Node, where string) []string {
	if n.Kind != yaml.SequenceNode {
		r.refuse(n.Line, "%sis %s, it must be a list of texts", where, kindOf(n))
		return nil
	}
	var roles []string
	for _, item := range n.Content {
		role := r.name(item, where)
		switch {
		case strings.Contains(role, ","):
			// Apps see the roles as one header, with commas between them.
			r.refuse(item.Line, "%s%q holds a comma", where, role)
		case slices.Contains(roles, role):
			r.refuse(item.Line, "%s%q is there twice", where, role)
		}
		roles = append(roles, role)
	}
	return roles
}

func (r *reader) flag(n *yaml.Node, where string) bool {
	var flag bool
	if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&flag) != nil {
		r.refuse(n.Line, "%sis %s, it must be true or false", where, kindOf(n))
	}
	return flag
}

func (r *reader) attributes(n *yaml.Node, where string) map[string][]string {
	if n.Kind != yaml.MappingNode {
		r.refuse(n.Line, "%sis %s, it must have members, each a text or a list of texts", where, kindOf(n))
		return nil
	}
	attributes := make(map[string][]string, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := r.name(key, where+"name: ")
		if _, twice := attributes[name]; twice && name != "" {
			r.refuse(key.Line, "%sthe attribute %q is there twice", where, name)
			continue
		}
		attributes[name] = r.values(value, where+name+": ")
	}
	return attributes
}

// values reads a text or a list of texts.
func (r *reader) values(n *yaml.Node, where string) []string {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	values := make([]string, 0, len(items))
	for _, item := range items {
		text, _ := r.text(item, where)
		values = append(values, text)
	}
	return values
}
