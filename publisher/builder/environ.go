package builder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"airlock/publisher"
)

// Go is the host's Go toolchain as builds see it. It is zero where there is none.
type Go struct {
	Root string
	// Env are the settings that say where modules come from, as `go env` knows them.
	Env map[string]string
}

// goSettings are handed on from the host to builds.
var goSettings = []string{"GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GONOPROXY", "GOINSECURE", "GOTOOLCHAIN"}

// FindGo asks the host's go command, from a folder in which no go.mod chooses another toolchain.
func FindGo(ctx context.Context, dir string) (Go, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"env", "-json", "GOROOT"}, goSettings...)...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if errors.Is(err, exec.ErrNotFound) {
		return Go{}, nil
	}
	if err != nil {
		return Go{}, fmt.Errorf("ask go for its settings: %w", err)
	}
	env := map[string]string{}
	if err := json.Unmarshal(out, &env); err != nil {
		return Go{}, fmt.Errorf("ask go for its settings: %w", err)
	}
	root := env["GOROOT"]
	delete(env, "GOROOT")
	return Go{Root: root, Env: env}, nil
}

// CheckSeed refuses a folder that is no Go module cache.
func CheckSeed(dir string) error {
	if dir == "" {
		return nil
	}
	if info, err := os.Stat(filepath.Join(dir, "cache", "download")); err != nil || !info.IsDir() {
		return publisher.Errorf(publisher.CodeInvalid, "--cache-from %s: found no folder cache/download in it, expected a Go module cache, as `go env GOMODCACHE` names it", dir)
	}
	return nil
}

// handedOn are the variables of publisherd that a build with network needs where the network is
// reached through a proxy or with a certificate authority of one's own.
var handedOn = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
}

// environ is the whole environment of a job; cache and seed are the folders as the job sees them.
func (c *Config) environ(j publisher.Job, cache, seed string) map[string]string {
	path := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	env := map[string]string{
		"HOME": cache + "/home", "XDG_CACHE_HOME": cache + "/xdg", "LANG": "C.UTF-8", "USER": "build", "CI": "true",
		"GOCACHE": cache + "/go-build", "GOMODCACHE": cache + "/go-mod", "GOPATH": cache + "/go", "GOENV": "off", "GOTELEMETRY": "off",
		"GOFLAGS": "-modcacherw", // so that the cache can be removed as any folder
	}
	maps.Copy(env, c.Go.Env)
	if c.Go.Root != "" {
		path = c.Go.Root + "/bin:" + path
	}
	env["PATH"] = path
	if !j.Network {
		env["GOPROXY"] = "off"
	}
	if c.Seed != "" {
		env["GOPROXY"] = "file://" + seed + "/cache/download," + env["GOPROXY"]
	}
	if j.Network {
		for _, name := range handedOn {
			if v := os.Getenv(name); v != "" {
				env[name] = v
			}
		}
	}
	maps.Copy(env, j.Env)
	maps.DeleteFunc(env, func(_, v string) bool { return strings.TrimSpace(v) == "" })
	return env
}
