package caddymodule

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("am", parseApp)

	// Users need no order line: login and REST come first, then whatever
	// else authenticates, then the check.
	httpcaddyfile.RegisterHandlerDirective("am_server", parseServer)
	httpcaddyfile.RegisterDirectiveOrder("am_server", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterHandlerDirective("am_proxy", parseProxy)
	httpcaddyfile.RegisterDirectiveOrder("am_proxy", httpcaddyfile.Before, "basic_auth")
	httpcaddyfile.RegisterDirective("am_auth", parseAuth)
	httpcaddyfile.RegisterDirectiveOrder("am_auth", httpcaddyfile.After, "basic_auth")
}

// parseApp sets up the app from Caddyfile tokens. Syntax:
//
//	am {
//		<option of the app>...
//		<option of the root realm>...
//		realm <path> {
//			<option of the realm>...
//		}
//	}
func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // consume the option's name
	if existing != nil {
		return nil, d.Err("the global option am is there twice; put everything into one block")
	}
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	p := &appParser{app: new(App), root: &Realm{Path: "/"}}
	p.app.Realms = []*Realm{p.root}
	if err := parseBlock(d, "am", p.options(), p); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "am", Value: caddyconfig.JSON(p.app, nil)}, nil
}

// appParser is what the options of the am block fill in.
type appParser struct {
	app  *App
	root *Realm
}

// options are those of the app, and those of the root realm, which stand
// beside them.
func (*appParser) options() []option[*appParser] {
	all := slices.Clone(appOptions)
	for _, o := range realmOptions {
		if slices.ContainsFunc(appOptions, func(own option[*appParser]) bool { return own.name == o.name }) {
			continue
		}
		all = append(all, option[*appParser]{
			name: o.name, args: o.args, def: o.def, doc: o.doc, many: o.many,
			set: func(d *caddyfile.Dispenser, p *appParser) error { return o.set(d, p.root) },
		})
	}
	return all
}

var appOptions = append([]option[*appParser]{
	{
		name: "realm", args: "<path> { … }", many: true,
		doc: "A further realm, with the options of the table below.",
		set: func(d *caddyfile.Dispenser, p *appParser) error {
			r := new(Realm)
			if !d.Args(&r.Path) {
				return d.ArgErr()
			}
			if err := r.unmarshal(d); err != nil {
				return err
			}
			for _, other := range p.app.Realms {
				if other.Path == r.Path {
					return d.Errf("realm %s is already specified", r.Path)
				}
			}
			p.app.Realms = append(p.app.Realms, r)
			return nil
		},
	},
	{
		name: "store", args: "etcd [<endpoints...>] { … } | memory", def: "etcd, embedded in data/cts",
		doc: "Where sessions are kept. etcd is embedded in this process unless endpoints are given; memory forgets everything at the end and is for tests.",
		set: func(d *caddyfile.Dispenser, p *appParser) (err error) {
			p.app.StoreRaw, err = unmarshalGuest(d, "am.stores.", "backend")
			return err
		},
	},
	{
		name: "cache", args: "<size> { freshness <duration> }", def: "64MiB, freshness 5s",
		doc: "The local cache of sessions: its size, and how long it may be used after the store last proved it fresh.",
		set: func(d *caddyfile.Dispenser, p *appParser) (err error) {
			var size string
			if !d.Args(&size) || d.NextArg() {
				return d.ArgErr()
			}
			p.app.Cache = new(Cache)
			if p.app.Cache.SizeMiB, err = mebibytes(d, size); err != nil {
				return err
			}
			return parseBlock(d, "cache", cacheOptions, p.app.Cache)
		},
	},
	{
		name: "journey_memory", args: "<size> [<journeys>]", def: "256MiB 100000",
		doc: "How much the journeys may take up that are kept in memory, and how many there may be, in all realms together. The one that was answered longest ago gives way.",
		set: parseMemory,
	},
	{
		name: "node", args: "<name> { … }", def: "the host's name",
		doc: "This process in a cluster: its name, and the options below.",
		set: func(d *caddyfile.Dispenser, p *appParser) error {
			p.app.Node = new(Node)
			if !d.Args(&p.app.Node.Name) || d.NextArg() {
				return d.ArgErr()
			}
			return parseBlock(d, "node", nodeOptions, p.app.Node)
		},
	},
	{
		name: "signing_key", args: "<base64...>", def: "generated beside an embedded store",
		doc: "The installation's root secrets, at least 128 bits, newest first. Nodes that share a store need the same; make one with amgate generate-secret.",
		set: list(func(p *appParser) *[]string { return &p.app.SigningKeys }),
	},
	{
		name: "base_url", args: "<origin>", def: "the request's own",
		doc: "Scheme and host under which users reach the login pages. With https, cookies are Secure also behind a proxy.",
		set: text(func(p *appParser) *string { return &p.app.BaseURL }),
	},
}, mailOptions(func(p *appParser) *Mail { return &p.app.Mail })...)

var cacheOptions = []option[*Cache]{
	{
		name: "freshness", args: "<duration>", def: "5s", doc: "How long cached sessions are used after the store last proved them fresh.",
		set: duration(func(c *Cache) *caddyDuration { return &c.Freshness }),
	},
}

var nodeOptions = []option[*Node]{
	{
		name: "advertise", args: "<url>", doc: "The URL under which edges and other nodes reach this one, as they write it.",
		set: text(func(n *Node) *string { return &n.Advertise }),
	},
	{
		name: "drain_timeout", args: "<duration>", def: "5s",
		doc: "How long the journeys that it has in memory may finish when it ends, before they are handed over. It waits only while another node takes new ones.",
		set: duration(func(n *Node) *caddyDuration { return &n.DrainTimeout }),
	},
}

var etcdOptions = []option[*EtcdStore]{
	{
		name: "embedded", args: "<folder>", def: "data/cts", doc: "Folder of the embedded etcd.",
		set: text(func(s *EtcdStore) *string { return &s.Embedded }),
	},
	{
		name: "prefix", args: "<prefix>", def: "/am", doc: "What all keys begin with.",
		set: text(func(s *EtcdStore) *string { return &s.Prefix }),
	},
	{
		name: "timeout", args: "<duration>", def: "2s", doc: "Bound of each operation.",
		set: duration(func(s *EtcdStore) *caddyDuration { return &s.Timeout }),
	},
	{
		name: "tls", args: "<ca> [<certificate> <key>]", def: "what the system trusts",
		doc: "For https endpoints: the file of who issued the members' certificates, and those of the certificate that is shown to them. All are read again for each connection.",
		set: parseEtcdTLS,
	},
	{
		name: "server_name", args: "<name>", def: "the endpoint's host", doc: "Whom the members' certificates are made out to.",
		set: text(func(s *EtcdStore) *string { return &s.tls().ServerName }),
	},
	{
		name: "user", args: "<name> <password>",
		doc: "Who the store is for a cluster that asks. `{file./run/secrets/etcd}` is the content of a file, read again for each login.",
		set: parseEtcdUser,
	},
}

func parseEtcdTLS(d *caddyfile.Dispenser, s *EtcdStore) error {
	tls := s.tls()
	switch args := d.RemainingArgs(); len(args) {
	case 1:
		tls.CA = args[0]
	case 3:
		tls.CA, tls.Certificate, tls.Key = args[0], args[1], args[2]
	default:
		return d.Errf("tls: %d files; write the CA's alone, or with those of a certificate and its key: tls ca.pem amgate.pem amgate-key.pem", len(args))
	}
	return nil
}

func parseEtcdUser(d *caddyfile.Dispenser, s *EtcdStore) error {
	if !d.AllArgs(&s.Username, &s.Password) || s.Username == "" || s.Password == "" {
		return d.Err("user: it takes a name and a password, and neither is empty; write for example: user amgate {file./run/secrets/etcd}")
	}
	return nil
}

// tls is for an option that is about TLS.
func (s *EtcdStore) tls() *EtcdTLS {
	if s.TLS == nil {
		s.TLS = new(EtcdTLS)
	}
	return s.TLS
}

// unmarshalGuest reads the module that the next argument names in a
// namespace, with its arguments and block, into JSON under its inline key.
func unmarshalGuest(d *caddyfile.Dispenser, namespace, inlineKey string) (json.RawMessage, error) {
	if !d.NextArg() {
		return nil, d.ArgErr()
	}
	name := d.Val()
	if _, err := caddy.GetModule(namespace + name); err != nil {
		return nil, d.Errf("there is no %s%s; %s", namespace, name, suggest(namespace, name))
	}
	guest, err := caddyfile.UnmarshalModule(d, namespace+name)
	if err != nil {
		return nil, err
	}
	return caddyconfig.JSONModuleObject(guest, inlineKey, name, nil), nil
}

// suggest names the modules of a namespace that somebody may have meant: those
// whose names differ little, else all.
func suggest(namespace, name string) string {
	var known, near []string
	for _, info := range caddy.GetModules(strings.TrimSuffix(namespace, ".")) {
		known = append(known, info.ID.Name())
		if distance(info.ID.Name(), name) <= 2 {
			near = append(near, info.ID.Name())
		}
	}
	if len(near) > 0 {
		return "did you mean " + strings.Join(near, " or ") + "?"
	}
	return "there are: " + strings.Join(known, ", ")
}

// distance is how many letters have to be changed, added or left out to make
// one word of another (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0]++
		for j := range len(b) {
			replace := before
			if a[i] != b[j] {
				replace++
			}
			before = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
