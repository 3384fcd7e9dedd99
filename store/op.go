package store

import (
	"errors"
	"fmt"
	"time"
)

// OpKind tells what an Op does.
type OpKind uint8

// The operations, and then the conditions, each made by the function of its
// name.
const (
	OpCreate OpKind = iota + 1
	OpPut
	OpPutIfExists
	OpDelete
	OpCheck
	OpAbsent
	OpNoneNewer
)

// Op is one operation of a Commit, made by the functions of this file.
type Op struct {
	Kind     OpKind
	Key      Key // a prefix for OpNoneNewer
	Value    []byte
	Expires  time.Time
	Revision int64 // for the conditions
}

// Create writes a record where none is; else the Commit fails with ErrExists.
func Create(k Key, value []byte, expires time.Time) Op {
	return Op{Kind: OpCreate, Key: k, Value: value, Expires: expires}
}

// Put writes a record whether or not there is one.
func Put(k Key, value []byte, expires time.Time) Op {
	return Op{Kind: OpPut, Key: k, Value: value, Expires: expires}
}

// PutIfExists writes a record only where there is one; else it does nothing
// and the Commit goes on. Whether a record that is past its deadline but not
// swept counts as present is not promised.
func PutIfExists(k Key, value []byte, expires time.Time) Op {
	return Op{Kind: OpPutIfExists, Key: k, Value: value, Expires: expires}
}

// Delete removes a record; that there is none is no error. To be the one
// who removed it, add a Check.
func Delete(k Key) Op { return Op{Kind: OpDelete, Key: k} }

// Check is the condition that the record under k was last written at
// revision; else the Commit fails with ErrConflict. Unlike the other
// operations it may stand beside one that writes or deletes the same key.
func Check(k Key, revision int64) Op { return Op{Kind: OpCheck, Key: k, Revision: revision} }

// Absent is the condition that no live record is under k; else ErrConflict.
func Absent(k Key) Op { return Op{Kind: OpAbsent, Key: k} }

// NoneNewer is the condition that no record below prefix was written after
// revision; else ErrConflict. Removals do not count.
func NoneNewer(prefix Key, revision int64) Op {
	return Op{Kind: OpNoneNewer, Key: prefix, Revision: revision}
}

// Writes reports whether the operation may change its key.
func (o Op) Writes() bool { return o.Kind >= OpCreate && o.Kind <= OpDelete }

// ValidateOps tells what is wrong with the operations of a Commit: none, too
// many, an unknown kind, an empty key, two writes of one key, or a Check at a
// revision that no record can have. Announcements do not count towards
// MaxOps. Every implementation calls it first, so that all refuse the same
// mistakes.
func ValidateOps(ops []Op) error {
	if len(ops) == 0 {
		return errors.New("store: a commit needs at least one operation")
	}
	counted := 0
	for _, op := range ops {
		if !op.Key.HasPrefix(Announcements) {
			counted++
		}
	}
	if counted > MaxOps || len(ops) > MaxOps+announcementRoom {
		return fmt.Errorf("store: a commit of %d operations, at most %d are allowed", len(ops), MaxOps)
	}
	written := make(map[Key]struct{}, len(ops))
	for _, op := range ops {
		switch {
		case op.Kind < OpCreate || op.Kind > OpNoneNewer:
			return fmt.Errorf("store: unknown operation %d", op.Kind)
		case op.Key == "":
			return errors.New("store: an operation without a key")
		case op.Writes():
			if _, twice := written[op.Key]; twice {
				return fmt.Errorf("store: two operations write the key %q", op.Key)
			}
			written[op.Key] = struct{}{}
		case op.Kind == OpCheck && op.Revision < 1:
			return fmt.Errorf("store: a check of %q at revision %d, but the first is 1; Absent says that there is no record", op.Key, op.Revision)
		}
	}
	return nil
}
