package rest

import "net/http"

// checkCSRF keeps pages of other origins from using a browser's cookie: what
// a cookie authorises takes a header that no form and no simple request can
// send. A token that came in any other way was put there by somebody who
// knows it. (P81/am-rest/rest-api-versioning; the status is ours.)
func checkCSRF(c *call) error {
	if c.route.csrf != csrfHeader || !c.target.byCookie {
		return nil
	}
	if c.Header.Get("X-Requested-With") != "" || c.Header.Get("Accept-API-Version") != "" {
		return nil
	}
	return refuse(http.StatusForbidden, "The request needs the header X-Requested-With or Accept-API-Version")
}
