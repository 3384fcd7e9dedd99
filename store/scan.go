package store

import "context"

// Scanner is what a Store can be besides, so that it can be swept: it also
// shows records that are past their deadlines. All of package storetest holds
// for its methods too: errors, contexts, concurrent use.
type Scanner interface {
	// Scan reads records below prefix in the order of their keys, those past
	// their deadlines too. It may lag behind, and every page may be as of
	// another revision: whoever acts on what it says makes sure with a Check.
	// Records that cannot be read are left out. next is the After of the
	// following page, "" if this was the last one; a page may be short.
	Scan(ctx context.Context, prefix Key, page Page) (rs []Record, next Key, err error)

	// Read reads records by their keys, at most MaxOps, linearizably and all
	// as of one moment, past their deadlines or not. What is not there, or
	// cannot be read, is left out.
	Read(ctx context.Context, keys ...Key) ([]Record, error)
}
