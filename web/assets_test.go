package web

import (
	"net/http"
	"strings"
	"testing"
)

// TestAssets: what the pages name is there, and is kept for good only under
// its own hash.
func TestAssets(t *testing.T) {
	b := open(t).browser(t)
	page := b.get(loginAt)
	named := map[string]bool{site + "/am" + assetsPath + assetsHash + "/console.css": true} // by the console
	for _, n := range append(page.all("link"), page.all("script")...) {
		named[site+attr(n, "href")+attr(n, "src")] = true
	}
	for address := range named {
		asset := b.get(address)
		if asset.status != http.StatusOK || !strings.HasSuffix(asset.header.Get("Cache-Control"), "immutable") ||
			asset.header.Get("Content-Type") == "" || asset.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", address, asset.status, asset.header)
		}
	}
	if len(named) != len(assetTypes) {
		t.Errorf("the pages name %d of %d assets", len(named), len(assetTypes))
	}
	for path, status := range map[string]int{
		"0/style.css": 200, assetsHash + "/other.css": 404, assetsHash: 404, "": 404, assetsHash + "/../../web.go": 404,
	} {
		asset := b.get(site + "/am" + assetsPath + path)
		if asset.status != status || strings.Contains(asset.header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", path, asset.status, asset.header)
		}
	}
	if asset := b.do(http.MethodPost, site+"/am"+assetsPath+assetsHash+"/style.css", nil); asset.status != http.StatusNotFound {
		t.Errorf("POST: %d", asset.status)
	}
}

// TestAssetsAreOurs: style and script load nothing from elsewhere, and the
// script makes no HTML.
func TestAssetsAreOurs(t *testing.T) {
	for name := range assetTypes {
		content, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(content), `xmlns="http://www.w3.org/2000/svg"`, "")
		for _, bad := range []string{"http:", "https:", "//evil", "@import", "url(", "innerHTML", "eval(", "document.write"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s has %s", name, bad)
			}
		}
	}
}
