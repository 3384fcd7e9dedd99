package realm

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/amgate/amgate/store"
	"github.com/amgate/amgate/store/sealed"
	"github.com/amgate/amgate/token"
)

// Keys of the CTS below k/ hold what all nodes of an installation share:
// its random id, and a random secret for each realm that was not given one.
// They are sealed under keys derived from the root secrets, which are never
// stored; a store opened with another root secret is refused.
const installationKey store.Key = "k/installation"

// secretSize is the length of the installation id and of generated secrets.
const secretSize = 32

// realmSecretKey names the record of a realm's generated secret.
func realmSecretKey(path string) store.Key {
	sum := sha256.Sum256([]byte(path))
	return store.Key("k/realm/" + base64.RawURLEncoding.EncodeToString(sum[:20]))
}

// loadRing reads or makes the secrets of all realms. Errors wrap
// store.ErrUnavailable when the store could not be asked, and
// sealed.ErrSealed when it was written under another root secret. What lies
// under an older root secret is left to reseal.
func loadRing(ctx context.Context, st store.Store, root []token.Secret, realms []Settings) (*token.Ring, error) {
	codec, err := rootCodec(root)
	if err != nil {
		return nil, err
	}
	installation, err := loadSecret(ctx, st, codec, installationKey)
	if err != nil {
		return nil, fmt.Errorf("installation id: %w", err)
	}
	secrets := make(map[string][]token.Secret, len(realms))
	for _, r := range realms {
		if secrets[r.Path] = r.SigningKeys; len(r.SigningKeys) > 0 {
			continue
		}
		b, err := loadSecret(ctx, st, codec, realmSecretKey(r.Path))
		if err != nil {
			return nil, fmt.Errorf("secret of realm %s: %w", r.Path, err)
		}
		secret, err := token.NewSecret(b)
		if err != nil {
			return nil, fmt.Errorf("secret of realm %s: %w", r.Path, err)
		}
		secrets[r.Path] = []token.Secret{secret}
	}
	return token.NewRing(installation, root, secrets)
}

func rootCodec(root []token.Secret) (*sealed.Codec, error) {
	keys := make([]sealed.Key, len(root))
	for i, secret := range root {
		keys[i] = sealed.Key{ID: secret.ID(), Key: token.DeriveRoot(secret, "seal k/")}
	}
	return sealed.New(keys)
}

// loadSecret reads a sealed random value, or makes it. Of several nodes that
// make it at once one wins, and the others read what it wrote.
func loadSecret(ctx context.Context, st store.Store, codec *sealed.Codec, key store.Key) ([]byte, error) {
	for {
		rec, _, err := st.Get(ctx, key, store.Fresh)
		if err == nil {
			plain, err := codec.Open(key, rec.Value)
			if err != nil {
				return nil, fmt.Errorf("the store was set up with another signing_key: %w", err)
			}
			return plain, nil
		}
		if !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		fresh := make([]byte, secretSize)
		rand.Read(fresh) // never fails since Go 1.24
		_, err = st.Commit(ctx, store.Create(key, codec.Seal(key, fresh), time.Time{}))
		if err != nil && !errors.Is(err, store.ErrExists) {
			return nil, err
		}
	}
}
