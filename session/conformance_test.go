package session_test

import (
	"strings"
	"testing"

	"github.com/amgate/amgate/session"
	"github.com/amgate/amgate/token"
)

// kind is where the sessions of a world live.
type kind string

const (
	// kept sessions are in the store.
	kept kind = "server"
	// tracked ones are carried by their clients, and the store tracks them.
	tracked kind = "client, tracked"
	// untracked ones are carried by their clients alone.
	untracked kind = "client"
)

// carried is what a Manager's configuration says of the kind.
func (k kind) carried() map[string]session.Carried {
	if k == kept {
		return nil
	}
	how := session.Carried{Room: 4000, Track: k == tracked}
	return map[string]session.Carried{"/": how, "/alpha": how}
}

// most is the size of a property that a session of the kind has room for.
func (k kind) most() int {
	if k == kept {
		return 60_000
	}
	return 1_500
}

// sessionOf is what a token stands for. A token that carries its session is
// another one each time, as its nonce is.
func (n *node) sessionOf(t testing.TB, tok string) string {
	t.Helper()
	if !token.IsSession(tok) {
		return tok
	}
	s, err := n.Lookup(t.Context(), tok, session.Peek)
	if err != nil {
		t.Fatal(err)
	}
	return s.Handle()
}

// conform runs a case of the conformance suite for each kind of sessions. Those
// that the store has and those that it tracks pass all of them.
func conform(t *testing.T, test func(t *testing.T, k kind)) {
	t.Helper()
	for _, k := range []kind{kept, tracked, untracked} {
		t.Run(string(k), func(t *testing.T) {
			if why, ok := notOfUntracked[parent(t)]; ok && k == untracked {
				t.Skip("a session that its client alone has: " + why)
			}
			test(t, k)
		})
	}
}

// parent is the name of the test that a subtest is of.
func parent(t *testing.T) string {
	name, _, _ := strings.Cut(t.Name(), "/")
	return name
}

// Why a case is none for a session that its client alone has.
const (
	unused    = "nobody records when it is used, so it is never idle (AM 8.1, \"Client-side sessions\")"
	unlisted  = "it is not listed, and nobody finds it by its handle"
	uncounted = "nobody counts it (AM 8.1, the same page), and realm.Settings.Check refuses a quota for it"
	fixed     = "it cannot be changed once it is issued"
	unwritten = "the store has no record of it that could be damaged or moved"
	untold    = "the store does not know when it is over, so nobody is told"
	another   = "TestCarriedSessionOfARepeatedStep is about it: the end of the journey is all that is written"
	rules     = "TestOutageRulesOfCarriedSessions is about it: a token need not have been seen before"
)

// notOfUntracked are the cases that are none for sessions that their clients
// alone have, and why.
var notOfUntracked = map[string]string{
	"TestUseIsWrittenOncePerResolution":                        unused,
	"TestManyAccessesAreWrittenInBatches":                      unused,
	"TestAccessSurvivesAnOutage":                               unused,
	"TestAccessesDuringAFlushAreKept":                          unused,
	"TestKeptAccessDoesNotReplaceALaterOne":                    unused,
	"TestAccessInDoubtDoesNotReplaceALaterOne":                 unused,
	"TestEndOfAnIdleSessionInDoubt":                            unused,
	"TestIdleIsBounded":                                        unused,
	"TestIdleIsBoundedForAnyUse":                               unused,
	"TestUseOnAnotherNodeWinsOverTheEndOfAnIdleSession":        unused,
	"TestPeekDoesNotCount":                                     unused,
	"TestThousandRequestsForOneUnknownSessionReadTheStoreOnce": unused,
	"TestSessionIsNotIdleRightAfterAnOutage":                   unused,
	"TestRefresh":                                              unused,
	"TestListHasTheUsersLiveSessions":                          unlisted,
	"TestListTellsTheLastAccess":                               unlisted,
	"TestByHandle":                                             unlisted,
	"TestOutageOfListsDecidesNothing":                          unlisted,
	"TestEndUserEndsAllSessions":                               unlisted + "; TestEndUserEndsCarriedSessions is about it",
	"TestQuotaActions":                                         uncounted,
	"TestQuotaIsExactAcrossNodes":                              uncounted,
	"TestQuotaCostsOneTransaction":                             uncounted,
	"TestQuotaDoesNotCountWhatIsOver":                          uncounted,
	"TestQuotaMadeSmaller":                                     uncounted,
	"TestQuotaInDoubt":                                         uncounted,
	"TestDeniedLoginKnowsItsOwnSession":                        uncounted,
	"TestVictimThatEndsMeanwhile":                              uncounted,
	"TestUpgradeNeedsNoRoom":                                   uncounted,
	"TestQuotaGivesUp":                                         uncounted,
	"TestQuotaOfManyUsersAtOnce":                               uncounted,
	"TestSetProperties":                                        fixed,
	"TestPropertiesAreBounded":                                 fixed,
	"TestPropertyWritersLoseNothing":                           fixed,
	"TestChangeBringsNoSessionBack":                            fixed,
	"TestPropertyChangeIsSeenEverywhere":                       fixed,
	"TestUpgradeTakesOverWhatIsThereAtItsEnd":                  fixed,
	"TestSwappedRecordsAreRefused":                             unwritten,
	"TestRecordOfAnotherRealmIsRefused":                        unwritten,
	"TestSwappedIndexEntryIsRefused":                           unwritten,
	"TestEndOfASessionThatWasRewritten":                        unwritten,
	"TestTimeOutsAreTold":                                      untold,
	"TestSweptSessionsLeaveTheCaches":                          untold,
	"TestLookupTellsOfIdleSessions":                            untold,
	"TestSessionsEndOnce":                                      untold,
	"TestOutageIsNoTimeOut":                                    untold,
	"TestWhatNobodyCanReadGoesQuietly":                         untold,
	"TestIssueAfterAnUnknownOutcomeYieldsOneSession":           another,
	"TestLoginWritesNoFence":                                   another,
	"TestIssueByManyAtOnceYieldsOneSession":                    another,
	"TestIssueForAnotherUserIsRefused":                         another,
	"TestIssueForAClientThatHasLeft":                           another,
	"TestCapturedStreamOpensNothing":                           "the case has such sessions beside the others",
	"TestOutageIsNoLogout":                                     rules,
	"TestOutageRules":                                          rules,
	"TestGraceIsBoundedByTheSession":                           rules,
	"TestGraceCostsALogout":                                    rules,
}
