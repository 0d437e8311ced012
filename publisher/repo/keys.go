package repo

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"

	"airlock/deployd/release"
	"airlock/publisher"
)

// keyPlaces says where each role's key lies below the keys folder. What is offline can be carried
// away on a medium once it was made, and is missed only when that role signs.
var keyPlaces = map[string]string{
	metadata.ROOT:           "offline/root.pem",
	metadata.TARGETS:        "offline/targets.pem",
	release.RoleReleases:    "offline/releases.pem",
	release.RoleAssignments: "online/assignments.pem",
	metadata.SNAPSHOT:       "online/snapshot.pem",
	metadata.TIMESTAMP:      "online/timestamp.pem",
}

// keyring reads keys when they are needed and keeps none in memory.
type keyring struct{ dir string }

// create makes a role's key where it does not exist, and returns its public half.
func (k keyring) create(role string) (*metadata.Key, error) {
	file := filepath.Join(k.dir, keyPlaces[role])
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return nil, fmt.Errorf("make key of role %s: %w", role, err)
	}
	priv, err := k.private(role)
	if errors.Is(err, fs.ErrNotExist) {
		priv, err = generate(file)
	}
	if err != nil {
		return nil, fmt.Errorf("make key of role %s: %w", role, err)
	}
	return metadata.KeyFromPublicKey(priv.Public())
}

func generate(file string) (ed25519.PrivateKey, error) {
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, err
	}
	return priv, publisher.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func (k keyring) private(role string) (ed25519.PrivateKey, error) {
	file := filepath.Join(k.dir, keyPlaces[role])
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("%s holds no PEM block PRIVATE KEY: restore it from its backup", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	priv, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%s holds a %T, expected an ed25519 key", file, key)
	}
	return priv, nil
}

// signer reads the key with which a role signs now.
func (k keyring) signer(role string) (signature.Signer, error) {
	priv, err := k.private(role)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, publisher.Errorf(publisher.CodeUnavailable,
			"the key of role %s is not in place: put it at %s, sign, and take it away again", role, filepath.Join(k.dir, keyPlaces[role]))
	}
	if err != nil {
		return nil, fmt.Errorf("read key of role %s: %w", role, err)
	}
	return signature.LoadSigner(priv, crypto.Hash(0)) // ed25519 hashes by itself
}
