package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// assetTypes are the assets there are.
var assetTypes = map[string]string{
	"style.css":   "text/css; charset=utf-8",
	"console.css": "text/css; charset=utf-8",
	"login.js":    "text/javascript; charset=utf-8",
	"mark.svg":    "image/svg+xml",
}

// assetsHash stands in the assets' URLs and changes with any of them, so that
// browsers may keep them for good.
var assetsHash = hashAssets()

func hashAssets() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(assetTypes)) {
		content, err := assetFiles.ReadFile("assets/" + name)
		if err != nil {
			panic(err) // the binary was built without its own files
		}
		h.Write(content)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// serveAsset serves <hash>/<name>. Under another hash, which a page of
// another version of us asks for while nodes are being replaced, it serves
// what there is and lets nobody keep it.
func serveAsset(w http.ResponseWriter, r *http.Request, path string) {
	hash, name, _ := strings.Cut(path, "/")
	kind, known := assetTypes[name]
	if !known || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return
	}
	content, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "no-store")
	if hash == assetsHash {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
