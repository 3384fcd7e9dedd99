package file

import (
	"cmp"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/amgate/amgate/identity"
	"github.com/amgate/amgate/identity/password"
)

// person is one user of the file.
type person struct {
	user   identity.User
	digest password.Digest // of a user who has a password
}

// people is one version of the file. It is immutable, but for its indexes and
// its roll.
type people struct {
	byName map[string]*person // by canonical name
	byID   map[string]*person
	decoys []decoy
	since  time.Time // in force

	mu      sync.Mutex
	indexes map[string]index // of the attributes that were searched for
	listed  *identity.Roll   // nil until somebody asks for it
}

// roll is the list of everybody.
func (p *people) roll() *identity.Roll {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listed == nil {
		all := make([]*identity.User, 0, len(p.byID))
		for _, one := range p.byID {
			all = append(all, &one.user)
		}
		p.listed = identity.NewRoll(all)
	}
	return p.listed
}

// index is who has a value of an attribute, by the value's canonical form.
type index map[string][]*person

// by returns who matches an attribute's value. The attributes are those of the
// realm's journeys: there are few indexes.
func (p *people) by(attribute, value string) []*person {
	switch attribute {
	case identity.AttributeID:
		return present(p.byID[value])
	case identity.AttributeUserName:
		return present(p.byName[identity.Canonical(value)])
	}
	form := identity.Canonical(value)
	if form == "" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	known, ok := p.indexes[attribute]
	if !ok {
		known = p.index(attribute)
		p.indexes[attribute] = known
	}
	return known[form]
}

// present is a list of p, or of nobody if p is nil.
func present(p *person) []*person {
	if p == nil {
		return nil
	}
	return []*person{p}
}

// index goes through everybody once.
func (p *people) index(attribute string) index {
	all := make(index)
	for _, one := range p.byID {
		var forms []string
		for _, value := range one.user.Values(attribute) {
			form := identity.Canonical(value)
			if form != "" && !slices.Contains(forms, form) {
				forms = append(forms, form)
				all[form] = append(all[form], one)
			}
		}
	}
	return all
}

// decoy is a digest that nobody's password matches, for a share of the names
// that have none.
type decoy struct {
	digest password.Digest
	upTo   float64 // the share of all names that come before the next decoy
}

// names scatters the names without a password over the decoys. It differs in
// each process, so that nobody can compute where a name falls.
var names = maphash.MakeSeed()

// decoy returns the digest that is checked for a name that has no password.
//
// An answer must take as long for an unknown name as for a known one. Files
// hold hashes of several costs, old and new ones, so one fixed decoy would
// betray every user of another cost: if all decoys were dear, a quick refusal
// would mean that the user exists. So unknown names have the costs that known
// ones have, in the same shares: a name that takes as long as an old hash is
// as likely as any other to be nobody's. A name keeps its decoy, apart from
// the few at the borders of the shares when the file changes, since a name
// that took now this and now that time would be nobody's for sure.
func (p *people) decoy(name string) password.Digest {
	const bits = 53 // what a float64 holds exactly
	at := float64(maphash.String(names, name)>>(64-bits)) / (1 << bits)
	for _, d := range p.decoys {
		if at < d.upTo {
			return d.digest
		}
	}
	return p.decoys[len(p.decoys)-1].digest
}

// newPeople makes the version of the file that holds these users.
func newPeople(all []*person) *people {
	p := &people{
		byName: make(map[string]*person, len(all)), byID: make(map[string]*person, len(all)), indexes: make(map[string]index),
	}
	count := make(map[password.Profile]int)
	for _, one := range all {
		p.byName[identity.Canonical(one.user.Username)] = one
		p.byID[one.user.ID] = one
		if one.user.HasPassword {
			count[one.digest.Profile()]++
		}
	}
	if len(count) == 0 {
		count[password.Default] = 1
	}
	profiles := slices.SortedFunc(maps.Keys(count), func(a, b password.Profile) int {
		return cmp.Compare(a.String(), b.String())
	})
	total := 0
	for _, n := range count {
		total += n
	}
	before := 0
	for _, profile := range profiles {
		before += count[profile]
		p.decoys = append(p.decoys, decoy{digest: profile.Decoy(), upTo: float64(before) / float64(total)})
	}
	return p
}
