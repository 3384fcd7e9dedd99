// Package reaper removes records that are over: those past their deadlines,
// and those of which a Judge says so.
//
// Words. The leader is the one process among all that sweeps. It leads for a
// term, which it renews, under the record leader/reaper. A sweep goes over all
// records once. A removal is what belongs to one thing that is over, and goes
// at once or not at all.
//
// What is promised. Every transaction of a sweep has the condition that the
// leader's record is as this leader wrote it: one that was deposed, frozen for
// an hour or cut off removes nothing, whatever it believes. A removal happens
// at most once, since each has a condition on a record that it deletes; and
// what is to be told of it is written in the same transaction. Transactions
// have at most store.MaxOps operations and become smaller when the store takes
// long for them, so that other writers do not wait for a sweep.
package reaper
