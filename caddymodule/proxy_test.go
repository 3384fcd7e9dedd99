package caddymodule

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// TestProxyTakesEveryOptionOfReverseProxy: whatever reverse_proxy is told, am_proxy
// is told the same way and means the same, beside its own defaults.
func TestProxyTakesEveryOptionOfReverseProxy(t *testing.T) {
	for _, option := range []string{
		"to am-3:8080", "dynamic a am.internal 8080", "lb_policy least_conn", "lb_policy am_sticky", "lb_retries 7", "lb_try_duration 3s",
		"lb_try_interval 100ms", "lb_retry_match {\nmethod POST\n}", "health_uri /am/json/health/live", "health_upstream 127.0.0.1:1",
		"health_port 81", "health_interval 5s", "health_passes 2", "health_fails 3", "health_timeout 1s", "health_status 2xx",
		"health_body ok", "health_method HEAD", "health_request_body ping", "health_follow_redirects", "health_headers {\nHost am\n}",
		"fail_duration 3s", "max_fails 4", "unhealthy_status 5xx", "unhealthy_latency 2s", "unhealthy_request_count 90", "flush_interval -1",
		"request_buffers 4KiB", "response_buffers 4KiB", "stream_buffer_size 4KiB", "stream_timeout 1h", "stream_close_delay 1m", "verbose_logs",
		"proxy_status_name edge", "trusted_proxies private_ranges", "header_up X-Edge one", "header_up -X-Client", "header_up +X-Also two",
		"header_up Host {upstream_hostport}", "header_down X-From edge", "method GET", "rewrite /other{uri}",
		"transport http {\ndial_timeout 1s\nkeepalive 30s\ntls_server_name am\n}", "@bad status 502\nreplace_status @bad 503",
		"@gone status 502\nhandle_response @gone {\nrespond gone\n}",
	} {
		plain, ours := proxyOf(t, "reverse_proxy", option), proxyOf(t, "am_proxy", option)
		if missing := beyond(plain, ours, ""); len(missing) > 0 {
			t.Errorf("%s: am_proxy is without %v", option, missing)
		}
	}
}

// proxyOf is the handler reverse_proxy that a directive becomes.
func proxyOf(t *testing.T, directive, option string) map[string]any {
	t.Helper()
	file := "{\nam {\nstore memory\n}\n}\n:8080 {\n" + directive + " am-1:8080 am-2:8080 {\n" + option + "\n}\n}\n"
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(file), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatalf("%s: %v", option, err)
	}
	var config any
	if err := json.Unmarshal(adapted, &config); err != nil {
		t.Fatal(err)
	}
	return find(config)
}

// find is the first handler reverse_proxy in a configuration.
func find(in any) map[string]any {
	switch v := in.(type) {
	case map[string]any:
		if v["handler"] == "reverse_proxy" {
			return v
		}
		for _, inner := range v {
			if found := find(inner); found != nil {
				return found
			}
		}
	case []any:
		for _, inner := range v {
			if found := find(inner); found != nil {
				return found
			}
		}
	}
	return nil
}

// beyond are the members of one JSON value that another does not have alike.
func beyond(one, other any, at string) (members []string) {
	m, isMap := one.(map[string]any)
	n, _ := other.(map[string]any)
	if !isMap {
		if !reflect.DeepEqual(one, other) {
			members = append(members, at)
		}
		return members
	}
	for name, value := range m {
		members = append(members, beyond(value, n[name], at+"."+name)...)
	}
	return members
}
