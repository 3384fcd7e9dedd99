package reaper

import "github.com/amgate/amgate/store"

// Above so many records of a kind they are scanned in 64 parts, and in 64
// times 64. To scan a part costs the store at each page as much as there is in
// it: a million records as a whole would keep every writer waiting for a tenth
// of a second, 2,000 times.
const (
	manyRecords = 2_000
	mostRecords = 100_000
)

// parts divides the keys below prefix, all of them whatever they are made of,
// into parts that have about the same number of records. There were n the last
// time, 0 if nobody knows.
func parts(prefix store.Key, n int) []store.Page {
	var ends []store.Key
	for _, first := range store.Symbols {
		switch {
		case n > mostRecords:
			for _, second := range store.Symbols {
				ends = append(ends, prefix+store.Key(first)+store.Key(second))
			}
		case n == 0 || n > manyRecords:
			ends = append(ends, prefix+store.Key(first))
		}
	}
	all := make([]store.Page, 0, len(ends)+1)
	after := store.Key("")
	for _, end := range ends {
		all = append(all, store.Page{After: after, UpTo: end})
		after = end
	}
	return append(all, store.Page{After: after})
}
