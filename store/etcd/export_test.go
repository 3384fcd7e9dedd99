package etcd

import (
	"context"
	"fmt"
)

// LookAtCluster says what a look at the cluster saw.
func (s *Store) LookAtCluster(ctx context.Context) string {
	v := s.look(ctx, 0)
	answered := 0
	for _, m := range v.members {
		if m.err == nil {
			answered++
		}
	}
	return fmt.Sprintf("%d members answer, %d vote, whole %t", answered, v.voting, v.whole)
}
