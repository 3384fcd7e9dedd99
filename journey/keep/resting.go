package keep

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
	"unsafe"

	"github.com/amgate/amgate/journey"
)

// resting is a journey in memory between two steps. It is as if it had been
// encoded and decoded, so that no node can tell where journeys are kept, and
// shares nothing that changes with the snapshot that it was made of. It is
// never changed.
type resting struct {
	snap journey.Snapshot
	// size is about how many bytes it takes up, first included.
	size int
	// first is the journey at its first step; only where a journey that failed
	// begins again.
	first *resting

	// record is the journey's in the store, of revision 0 if it has none, and
	// epoch counts what made its earlier checkpoints worthless. latest is the
	// latest deadline that any of its authIds has had.
	record place
	epoch  int
	latest time.Time
	// leaving says that it was tried to hand the journey over, carried that an
	// authId of it has a checkpoint.
	leaving, carried bool
}

// What things take up beside their text, about: a map with up to eight
// members, each further member, a value in an interface, a callback.
const (
	mapSize      = 360
	memberSize   = 80
	valueSize    = 16
	callbackSize = 160
)

// expansion bounds how many bytes of JSON stand for a byte of size.
const expansion = 6

// newResting returns a journey as it rests. Errors: journey.ErrTooLarge, and
// what JSON cannot express.
func newResting(s *journey.Snapshot) (*resting, error) {
	r := &resting{snap: *s, size: int(unsafe.Sizeof(resting{}))}
	k := &r.snap
	k.Ended, k.SuspendedID, k.Origin, k.Found = false, "", nil, ""
	k.Started, k.Deadline = k.Started.Round(0), k.Deadline.Round(0) // without monotonic clocks
	var err error
	var text int
	if k.Asked, text, err = s.Asked.Kept(); err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	r.size += text + len(s.Asked)*callbackSize
	for _, m := range []*map[string]any{&k.Shared, &k.Secure, &k.SuccessDetails, &k.FailureDetails, &k.ErrorDetails} {
		if *m, err = r.copyObject(*m); err != nil {
			return nil, err
		}
	}
	for _, m := range []*map[string]string{&k.Properties, &k.SuccessProperties} {
		*m = r.copyTexts(*m)
	}
	for _, l := range []*[]string{&k.AuthTypes, &k.Webhooks, &k.Hooks} {
		*l = slices.Clone(*l)
		r.size += textSize(*l...)
	}
	r.size += textSize(k.IndexType, k.IndexValue, k.Affinity, k.Stage, k.Header, k.Description, k.Subject,
		k.Binding, k.Allow, k.FailureMessage, k.ErrorMessage, k.Params.Goto, k.Params.GotoOnFail, k.Params.Locale)
	if r.size*expansion >= MaxState {
		_, err = encode(&stored{Snapshot: s}, MaxState, "memory")
	}
	return r, err
}

// snapshot is the journey as a step may change it.
func (r *resting) snapshot() *journey.Snapshot {
	s := r.snap
	for _, m := range []*map[string]any{&s.Shared, &s.Secure, &s.SuccessDetails, &s.FailureDetails, &s.ErrorDetails} {
		*m = cloneObject(*m)
	}
	s.Properties, s.SuccessProperties = maps.Clone(s.Properties), maps.Clone(s.SuccessProperties)
	s.AuthTypes, s.Webhooks, s.Hooks = slices.Clone(s.AuthTypes), slices.Clone(s.Webhooks), slices.Clone(s.Hooks)
	return &s
}

// remembering is r with the journey at its first step.
func (r *resting) remembering(first *resting) *resting {
	if first != nil {
		r.first = first
		r.size += first.size
	}
	return r
}

// atFirst is the journey at its first step: as it is remembered, or, if this
// is the first step, the journey itself.
func (r *resting) atFirst() *resting {
	if r.first != nil {
		return r.first
	}
	return r
}

// again is a journey that has come to s at its first step once more.
func (r *resting) again(s *journey.Snapshot) *resting {
	a := *r
	a.snap.Allow, a.snap.Doubted, a.snap.Salt = newAllow(), s.Doubted, s.Salt
	return &a
}

// owned is the journey with what its record was when it was loaded.
func (r *resting) owned(from *origin) *resting {
	o := *r
	o.record, o.epoch, o.latest, o.carried = from.state, from.epoch, from.latest, from.carried
	return &o
}

// doubted is the journey when a commit may have ended it, or may yet.
func (r *resting) doubted() *resting {
	d := *r
	d.snap.Doubted = true
	return &d
}

// letting is the journey when it was tried to hand it over.
func (r *resting) letting() *resting {
	l := *r
	l.leaving = true
	return &l
}

// copyObject copies an object to its depth, with the types that JSON gives
// back. An empty one becomes nil, as the encoded form leaves it out.
func (r *resting) copyObject(object map[string]any) (map[string]any, error) {
	if len(object) == 0 {
		return nil, nil
	}
	c, err := r.copyValue(object)
	if err != nil {
		return nil, fmt.Errorf("keep: %w", err)
	}
	return c.(map[string]any), nil
}

func (r *resting) copyTexts(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	r.size += mapSize + len(m)*memberSize
	for name, value := range m {
		r.size += len(name) + len(value)
	}
	return maps.Clone(m)
}

func (r *resting) copyValue(value any) (any, error) {
	r.size += valueSize
	switch v := value.(type) {
	case nil, bool, float64:
		return v, nil
	case int:
		return float64(v), nil
	case string:
		r.size += len(v)
		return validText(v), nil
	case []any:
		if v != nil {
			return r.copyList(v)
		}
	case map[string]any:
		if v != nil {
			return r.copyMembers(v)
		}
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	r.size += len(text) * valueSize // whatever it becomes
	var v any
	err = json.Unmarshal(text, &v)
	return v, err
}

func (r *resting) copyList(list []any) (c []any, err error) {
	c = make([]any, len(list))
	for i, v := range list {
		if c[i], err = r.copyValue(v); err != nil {
			return nil, err
		}
	}
	r.size += len(list) * valueSize
	return c, nil
}

func (r *resting) copyMembers(object map[string]any) (map[string]any, error) {
	r.size += mapSize + len(object)*memberSize
	c := make(map[string]any, len(object))
	for name, v := range object {
		r.size += len(name)
		v, err := r.copyValue(v)
		if err != nil {
			return nil, err
		}
		c[validText(name)] = v
	}
	return c, nil
}

// validText is a text with U+FFFD in the place of each byte that is not UTF-8.
func validText(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	return string([]rune(text))
}

// cloneObject copies an object that copyObject has made.
func cloneObject(object map[string]any) map[string]any {
	c := maps.Clone(object)
	for name, v := range c {
		switch v.(type) {
		case map[string]any, []any:
			c[name] = cloneValue(v)
		}
	}
	return c
}

func cloneValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return cloneObject(v)
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = cloneValue(v[i])
		}
		return c
	}
	return value
}

func textSize(texts ...string) (n int) {
	for _, text := range texts {
		n += len(text)
	}
	return n
}
