package journey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/journey/callback"
	"github.com/amgate/amgate/store"
)

// The errors of a Keeper. Each also covers the client's view: DESIGN says
// which reply belongs to it.
var (
	// ErrMalformed says that an authId is no JWT of ours.
	ErrMalformed = errors.New("journey: authId cannot be parsed")
	// ErrSignature says that an authId was not signed by this installation
	// for this realm.
	ErrSignature = errors.New("journey: authId signature not valid")
	// ErrExpired says that the journey took longer than it may, has ended,
	// or never was.
	ErrExpired = errors.New("journey: timed out")
	// ErrUsed says that the step was answered already, or is not the
	// journey's current one.
	ErrUsed = errors.New("journey: step already answered")
	// ErrTooLarge says that a journey's state outgrew what its keeper holds.
	ErrTooLarge = errors.New("journey: state too large")
	// ErrNotSuspended says that a suspendedId resumes nothing: it was used,
	// its time is over, or it never was one.
	ErrNotSuspended = errors.New("journey: no suspended journey")
)

// LostError says that an authId is valid but its journey's state is not
// here: it was on another node, or was evicted. The journey starts again.
type LostError struct {
	// Start tells which journey it was, and Params what it was begun with.
	Start  Start
	Params Params
}

func (e *LostError) Error() string {
	return fmt.Sprintf("journey: the state of a journey in realm %s is not on this node", e.Start.Realm)
}

// Start is what a client asked for when the journey began. It travels in the
// authId.
type Start struct {
	Realm string `json:"realm"`
	// IndexType and IndexValue are authIndexType and authIndexValue as the
	// client gave them; empty for the realm's default journey.
	IndexType  string `json:"indexType,omitempty"`
	IndexValue string `json:"indexValue,omitempty"`
	// Affinity is the journey's affinity, see package affinity.
	Affinity string `json:"affinity,omitempty"`
}

// Suspension is a journey's wait for its link to be followed.
type Suspension struct {
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
}

// Snapshot is a journey between two steps: all that a keeper keeps.
type Snapshot struct {
	// ID is random, 20 bytes, and constant for the whole journey.
	ID ID `json:"id"`
	Start
	// Tree and Node say where the journey is, Asked what it waits for.
	Tree  string        `json:"tree"`
	Node  string        `json:"node"`
	Asked callback.List `json:"asked"`
	// Stage, Header and Description belong to the step being asked.
	Stage       string `json:"stage,omitempty"`
	Header      string `json:"header,omitempty"`
	Description string `json:"description,omitempty"`
	// Shared and Secure are the drawers of the State that outlive a step.
	Shared map[string]any `json:"shared,omitempty"`
	Secure map[string]any `json:"secure,omitempty"`
	// Findings are for the end of the journey. Subject is the id of the user
	// who was identified.
	Findings
	Subject string `json:"subject,omitempty"`
	// Binding is a hash of what ties the journey to the browser that began
	// it; "" for a journey that anybody who has its authId may answer.
	Binding string `json:"binding,omitempty"`
	// Suspended is set while the journey waits for its link to be followed.
	Suspended *Suspension `json:"suspended,omitempty"`
	// Suspensions counts how often the journey was suspended.
	Suspensions int `json:"suspensions,omitempty"`
	// Params are the start request's parameters that matter at the end.
	Params Params `json:"params"`
	// Step counts the client's answers. Allow is the allowlist state: only
	// an authId that carries it may answer the step (AM's whitelist-state).
	Step  int    `json:"step"`
	Allow string `json:"allow"`
	// Started and Deadline bound the journey.
	Started  time.Time `json:"started"`
	Deadline time.Time `json:"deadline"`

	// Ended is set by Keeper.Finish: there is no next step to keep.
	Ended bool `json:"-"`
	// SuspendedID is set by Keeper.Begin and Keeper.Step when they have kept a
	// suspended journey: whoever has it can resume the journey. It is a secret.
	SuspendedID string `json:"-"`
	// Origin is the keeper's own: from where it loaded the snapshot. Salt is
	// set by the keeper with it, see Seed.
	Origin any    `json:"-"`
	Salt   []byte `json:"-"`
	// Doubted is set by the keeper when a Finish may have ended the journey, or
	// may yet, and nobody has seen the result. Another Finish may meet
	// ErrConflict because of that one.
	Doubted bool `json:"doubted,omitempty"`
	// Found is set by the keeper with Origin.
	Found Found `json:"-"`
}

// Found says how a keeper has come by a journey that rests in the memory of
// nodes, if it was not there.
type Found string

const (
	// FoundHandedOver is a journey that another node handed over when it went
	// away.
	FoundHandedOver Found = "handed over"
	// FoundTakenOver is one whose node was lost.
	FoundTakenOver Found = "taken over"
)

// Seed is what the session that the journey yields is derived from. It is
// unguessable and of one journey. Who repeats the last step where a first try
// may have succeeded comes to the same seed, and so to the session of that
// try; on another node the seed is another, and the repetition a replay.
func (s *Snapshot) Seed() []byte { return append(s.ID[:], s.Salt...) }

// Params are parameters of the request that started a journey. They travel in
// the authId, where pages can read them.
type Params struct {
	Goto       string `json:"goto,omitempty"`
	GotoOnFail string `json:"gotoOnFail,omitempty"`
	NoSession  bool   `json:"noSession,omitempty"`
	// NewSession says that a session that the client has does not count.
	NewSession bool   `json:"newSession,omitempty"`
	Locale     string `json:"locale,omitempty"`
	// TargetLevel is the authentication level that an advice asks for.
	TargetLevel int `json:"targetLevel,omitempty"`
}

// Commit writes what a finished journey yields (a session), together with
// the keeper's operations, in one transaction of the store.
type Commit func(ctx context.Context, with ...store.Op) error

// Keeper remembers a journey between two steps. The storage modes of a realm
// differ in their Keeper and in nothing else.
//
// A snapshot that is Suspended is kept in the store by every keeper, until
// Suspended.Until. The authId that Begin or Step returns for it answers
// nothing: it is ErrExpired. Only Resume goes on with the journey.
//
// A keeper can work without allowlisting. Then an authId may be answered
// again until the journey has succeeded or its time is over, and a Finish
// without a commit leaves the journey as it was at its first step.
//
// All methods are safe for concurrent use. Faults of the store wrap
// store.ErrUnavailable and leave the step answerable.
type Keeper interface {
	// Begin keeps a journey that has asked its first question and returns
	// the authId that answers it. It sets s.Allow.
	Begin(ctx context.Context, s *Snapshot) (authID string, err error)

	// Step finds the journey that authID names in realm, checks that this
	// step is the one to be answered, and calls fn, which walks the journey
	// on and changes the snapshot. When fn returns nil and the snapshot has
	// not Ended, the result is kept, and next is the authId of the new
	// step. Keeping the result consumes the step, loading it does not: when
	// fn or the store fails, the step can be answered again. Of several
	// answers to one step at most one is kept; the others get ErrUsed,
	// though their fn may have run.
	//
	// Errors: ErrMalformed, ErrSignature, ErrExpired, ErrUsed, *LostError,
	// those of the store, and whatever fn returned.
	Step(ctx context.Context, realm, authID string, fn func(context.Context, *Snapshot) error) (next string, err error)

	// Resume finds the journey that was suspended in realm under suspendedID
	// and goes on as Step does, fn being called with the snapshot as it was
	// suspended, its Suspended still set. Keeping the result consumes the
	// suspendedID.
	//
	// Errors: ErrNotSuspended, those of the store, and whatever fn returned.
	Resume(ctx context.Context, realm, suspendedID string, fn func(context.Context, *Snapshot) error) (next string, err error)

	// Finish ends the journey. It is called inside Step's or Resume's fn, or without a
	// Begin for a journey that never asked. A nil commit ends a failed one.
	// The journey's state goes in the same transaction that commit writes,
	// and at most one Finish of a journey succeeds; others get ErrUsed. On
	// an error of the store nothing has ended, and the step can be answered
	// again.
	Finish(ctx context.Context, s *Snapshot, commit Commit) error
}
