package integration

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// secretName matches the names of values that nobody may guess piece by
// piece, as our code calls them: those with such a word at the end.
var secretName = regexp.MustCompile(
	`^(secret|mac|sk|otk|otp|password|nonce|signature|sig|digest|tag|sealed|token|tok|binding|allow)$|` +
		`(Secret|MAC|Mac|SK|OTK|OTP|Password|Nonce|Signature|Sig|Digest|Tag|Sealed|Token|Tok|Binding|Allow)$`)

// harmless are comparisons of values that have such a name and are no secret
// to whoever waits for the answer, each with the reason.
var harmless = map[string]string{
	"identity/attributes.go AttributePassword":              "the name of an attribute",
	"journey/keep/authid.go Allow":                          "whether there is one",
	"journey/nodes/attributecollector.go AttributePassword": "the name of an attribute",
	"journey/treefile/load.go digest":                       "of an operator's files",
	"mail/placeholder.go ErrorToken":                        "a kind of token of html",
	"session/opened.go digest":                              "a place in a table: of a token's hash no bit can be chosen",
	"session/seen.go tag":                                   "a place in a table",
	"store/etcd/login.go token":                             "our own, before and after",
	"store/sealed/sealed.go sealed":                         "the id of a key",
	"token/seal.go sealed":                                  "its own other spelling, after it was parsed",
	"token/session.go sealed":                               "how it begins, after its signature was verified",
	"web/fields.go currentPassword":                         "a word of HTML",
}

// TestSecretsAreComparedInConstantTime answers go-authcrunch 31a41b8 (a
// nonce) and Caddy 75c988d11 (the hash of a sticky cookie): == ends at the
// first byte that differs, and the time it takes tells how far a guess is
// right. What has a secret's name is compared by crypto/subtle or crypto/hmac,
// or stands above. (SECURITY 57)
func TestSecretsAreComparedInConstantTime(t *testing.T) {
	t.Parallel()
	unused := make(map[string]bool)
	for where := range harmless {
		unused[where] = true
	}
	for name, p := range listPackages(t) {
		for _, file := range p.GoFiles {
			path := filepath.Join(root, name, file)
			files := token.NewFileSet()
			parsed, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			must(t, err)
			for _, found := range secretCompares(parsed) {
				where := filepath.ToSlash(filepath.Join(name, file)) + " " + found.name
				if _, ok := harmless[where]; ok {
					delete(unused, where)
					continue
				}
				t.Errorf("%s: %s is compared with ==, or what comes to the same; use crypto/subtle or crypto/hmac, or say in this test why not",
					files.Position(found.at), found.name)
			}
		}
	}
	for where := range unused {
		t.Errorf("%s is no longer compared", where)
	}
}

type secretCompare struct {
	name string
	at   token.Pos
}

// secretCompares finds comparisons in variable time that something with a
// secret's name takes part in, but for those with constants and nil.
func secretCompares(file *ast.File) (found []secretCompare) {
	look := func(at token.Pos, operands []ast.Expr) {
		if slices.ContainsFunc(operands, isConstant) {
			return
		}
		for _, operand := range operands {
			if name := nameOf(operand); secretName.MatchString(name) {
				found = append(found, secretCompare{name, at})
				return
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == token.EQL || n.Op == token.NEQ {
				look(n.Pos(), []ast.Expr{n.X, n.Y})
			}
		case *ast.CallExpr:
			f, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"bytes", "strings", "slices", "reflect", "maps"}, nameOf(f.X)) {
				break
			}
			if slices.Contains([]string{"Equal", "EqualFold", "Compare", "DeepEqual", "Contains", "HasPrefix", "HasSuffix"}, f.Sel.Name) {
				look(n.Pos(), n.Args)
			}
		}
		return true
	})
	return found
}

// isConstant reports whether an expression is a literal, nil or a constant's
// zero value.
func isConstant(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return true
	case *ast.Ident:
		return e.Name == "nil"
	}
	return false
}

// nameOf is what the value of an expression is called: the last name in it,
// below conversions, parts and dereferences.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.CallExpr:
		if nameOf(e.Fun) == "len" {
			return ""
		}
		if len(e.Args) == 1 {
			if name := nameOf(e.Args[0]); name != "" {
				return name
			}
		}
		return nameOf(e.Fun)
	case *ast.SliceExpr:
		return nameOf(e.X)
	case *ast.IndexExpr:
		return nameOf(e.X)
	case *ast.ParenExpr:
		return nameOf(e.X)
	case *ast.StarExpr:
		return nameOf(e.X)
	case *ast.UnaryExpr:
		return nameOf(e.X)
	}
	return ""
}
