package etcdproc

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/amgate/amgate/store/storetest/faultnet"
)

// Isolate cuts member i off from the others; its clients stay connected to
// it. The cluster must be severable.
func (c *Cluster) Isolate(i int) {
	c.tb.Helper()
	lonely := fmt.Sprintf("%x", c.status(i).Header.MemberID)
	for j, m := range c.members {
		m.proxy.SetFor(func(from string) faultnet.Fault {
			return faultnet.Fault{Cut: from == lonely || j == i}
		})
	}
}

// Rejoin ends Isolate.
func (c *Cluster) Rejoin() {
	for _, m := range c.members {
		m.proxy.Set(faultnet.Fault{})
	}
}

// SlowPeer delays all that comes to member i from the others, and its answers.
func (c *Cluster) SlowPeer(i int, delay time.Duration) {
	c.members[i].proxy.Set(faultnet.Slow(delay, delay))
}

var serverFrom = regexp.MustCompile(`(?i)\r\nX-Server-From: ([0-9a-f]+)\r\n`)

// sender is the id of the member that made a connection, by its first
// request: "" for probes, which do not say.
func sender(head []byte) string {
	if found := serverFrom.FindSubmatch(head); found != nil {
		return string(found[1])
	}
	return ""
}

// Leader is the number of the member that leads, as the running ones see it.
func (c *Cluster) Leader() int {
	c.tb.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for i, m := range c.members {
			if m.cmd == nil || m.frozen {
				continue
			}
			if s, err := c.tryStatus(i); err == nil && s.Leader != 0 && s.Leader == s.Header.MemberID {
				return i
			}
		}
	}
	c.tb.Fatalf("etcdproc: no leader in %v", patience)
	return -1
}

// Revision is how far the cluster is, by member i's account.
func (c *Cluster) Revision(i int) int64 { c.tb.Helper(); return c.status(i).Header.Revision }

// Size is how large the database of member i is on disk, in bytes, and how
// much of it is in use.
func (c *Cluster) Size(i int) (total, inUse int64) {
	c.tb.Helper()
	s := c.status(i)
	return s.DBSize, s.DBSizeInUse
}

// PID is the process id of member i.
func (c *Cluster) PID(i int) int { return c.members[i].cmd.Process.Pid }

// Compact makes the cluster forget its history up to now.
func (c *Cluster) Compact(i int) {
	c.tb.Helper()
	c.must(i, "kv/compaction", map[string]any{"revision": strconv.FormatInt(c.Revision(i), 10), "physical": true}, nil)
}

// Defragment makes member i give free space back to the disk.
func (c *Cluster) Defragment(i int) {
	c.tb.Helper()
	c.must(i, "maintenance/defragment", struct{}{}, nil)
}

// Fill writes records of its own, below "filler", until the cluster's quota
// is exceeded and the alarm NOSPACE rung.
func (c *Cluster) Fill(i int) {
	c.tb.Helper()
	value := bytes.Repeat([]byte("x"), 1<<20)
	for n := range 10_000 {
		err := c.call(i, "kv/put", map[string]any{"key": fmt.Appendf(nil, "filler/%d", n), "value": value}, nil)
		if err != nil && bytes.Contains([]byte(err.Error()), []byte("space exceeded")) {
			return
		} else if err != nil {
			c.tb.Fatalf("etcdproc: %v", err)
		}
	}
	c.tb.Fatal("etcdproc: the cluster has no quota worth that name")
}

// MakeRoom does what etcd's handbook says to do about the alarm NOSPACE:
// delete, compact, defragment, disarm.
func (c *Cluster) MakeRoom() {
	c.tb.Helper()
	c.must(0, "kv/deleterange", map[string]any{"key": []byte("filler/"), "range_end": []byte("filler0")}, nil)
	c.Compact(0)
	for i := range c.members {
		c.Defragment(i)
	}
	var rung struct {
		Alarms []struct {
			MemberID string `json:"memberID"`
			Alarm    string `json:"alarm"`
		} `json:"alarms"`
	}
	c.must(0, "maintenance/alarm", map[string]any{"action": "GET"}, &rung)
	for _, a := range rung.Alarms {
		c.must(0, "maintenance/alarm", map[string]any{"action": "DEACTIVATE", "memberID": a.MemberID, "alarm": a.Alarm}, nil)
	}
}

// status is what a member says of itself. Numbers of 64 bits are strings in
// etcd's JSON.
type status struct {
	Header struct {
		MemberID uint64 `json:"member_id,string"`
		Revision int64  `json:"revision,string"`
	} `json:"header"`
	Leader      uint64 `json:"leader,string"`
	DBSize      int64  `json:"dbSize,string"`
	DBSizeInUse int64  `json:"dbSizeInUse,string"`
}

func (c *Cluster) status(i int) status {
	c.tb.Helper()
	s, err := c.tryStatus(i)
	if err != nil {
		c.tb.Fatalf("etcdproc: %v", err)
	}
	return s
}

func (c *Cluster) tryStatus(i int) (s status, err error) {
	return s, c.call(i, "maintenance/status", struct{}{}, &s)
}

func (c *Cluster) must(i int, path string, in, out any) {
	c.tb.Helper()
	if err := c.call(i, path, in, out); err != nil {
		c.tb.Fatalf("etcdproc: %v", err)
	}
}

// call sends a request to member i's JSON gateway, as nobody: a cluster with
// users refuses it.
func (c *Cluster) call(i int, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.members[i].url+"/v3/"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: c.tls.Clone()}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s at member %d: %s: %s", path, i, resp.Status, answer.Bytes())
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Bytes(), out)
}
