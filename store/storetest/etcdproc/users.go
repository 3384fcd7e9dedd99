package etcdproc

import (
	"errors"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// Admin returns a client that may do everything. It ends with the test.
func (c *Cluster) Admin() *clientv3.Client {
	c.tb.Helper()
	if c.admin != nil {
		return c.admin
	}
	cfg := clientv3.Config{Endpoints: c.Endpoints(), TLS: c.tls, DialTimeout: patience, Logger: zap.NewNop()}
	if c.root != "" {
		cfg.Username, cfg.Password = "root", c.root
	}
	client, err := clientv3.New(cfg)
	if err != nil {
		c.tb.Fatalf("etcdproc: %v", err)
	}
	c.admin = client
	return client
}

// AddUser makes a user that may read and write what is below the prefix and no
// more, by a role of the same name.
func (c *Cluster) AddUser(name, password, prefix string) {
	c.tb.Helper()
	admin, ctx := c.Admin(), c.tb.Context()
	_, roleErr := admin.RoleAdd(ctx, name)
	_, permErr := admin.RoleGrantPermission(ctx, name, prefix+"/", clientv3.GetPrefixRangeEnd(prefix+"/"), clientv3.PermissionType(clientv3.PermReadWrite))
	_, userErr := admin.UserAdd(ctx, name, password)
	_, grantErr := admin.UserGrantRole(ctx, name, name)
	if err := errors.Join(roleErr, permErr, userErr, grantErr); err != nil {
		c.tb.Fatalf("etcdproc: add user %s: %v", name, err)
	}
}

// enableAuth makes the user root and lets etcd ask everybody who they are.
func (c *Cluster) enableAuth(password string) {
	c.tb.Helper()
	admin, ctx := c.Admin(), c.tb.Context()
	_, addErr := admin.UserAdd(ctx, "root", password)
	_, grantErr := admin.UserGrantRole(ctx, "root", "root")
	_, enableErr := admin.AuthEnable(ctx)
	if err := errors.Join(addErr, grantErr, enableErr); err != nil {
		c.tb.Fatalf("etcdproc: enable authentication: %v", err)
	}
	c.root = password
	admin.Close() // it has no token; its error is that its context has ended
	c.admin = nil
}
