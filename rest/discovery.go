package rest

import (
	"net/http"
	"strings"
)

// discoveryBody is as much of an OpenID provider's configuration (OpenID
// Connect Discovery 1.0, section 3) as Ping's journey-client reads. It finds
// authenticate and sessions by the issuer, with /json in the place of /oauth2,
// and insists on the endpoints though a journey never asks them. amgate serves
// none of them.
type discoveryBody struct {
	Issuer                string `json:"issuer"`
	AuthorizationEndpoint string `json:"authorization_endpoint"`
	TokenEndpoint         string `json:"token_endpoint"`
}

// discovery tells where the realm is. The issuer is spelled as AM does,
// whichever spelling was asked for.
func (a *API) discovery(_ http.ResponseWriter, c *call) (reply, error) {
	issuer := a.front.Origin(c.Request) + a.front.Base + "/" + treeOAuth2 + "/realms/root"
	if c.realm.Path != "/" {
		issuer += strings.ReplaceAll(c.realm.Path, "/", "/realms/")
	}
	return ok(discoveryBody{issuer, issuer + "/authorize", issuer + "/access_token"}), nil
}
