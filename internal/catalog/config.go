package catalog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Config says where models are looked for. Only Dir must be set.
type Config struct {
	Dir string // the cache folder; made when the first file is written

	// HubDir is the cache folder of the Hub's own tools, which is only read.
	// Empty: none.
	HubDir string
	// HubEndpoint is the Hub's base URL. Empty: DefaultHubEndpoint.
	HubEndpoint string
	// HubToken goes to HubEndpoint, and to no other host that it redirects to.
	HubToken string
	// Offline forbids everything that touches the network.
	Offline bool
	// Pythons are the commands that may have pip, in the order in which they
	// are tried. nil: python3, python.
	Pythons []string
}

// DefaultHubEndpoint is where the Hub is unless Config says otherwise.
const DefaultHubEndpoint = "https://huggingface.co"

// FromEnv reads the configuration from the environment. This is the only
// place of the package that does, and these are the variables:
//
//	TINSMITH_CACHE    the cache folder (default: tinsmith/models in the user's cache folder)
//	TINSMITH_OFFLINE  1, true, yes, on: touch no network
//	HF_HUB_OFFLINE    the same
//	HF_ENDPOINT       the Hub's base URL
//	HF_TOKEN          the Hub's access token; else the file HF_TOKEN_PATH, else HF_HOME/token
//	HF_HUB_CACHE      the cache folder of the Hub's tools; else HF_HOME/hub
//	HF_HOME           default: huggingface in XDG_CACHE_HOME, else in ~/.cache
//
// pip and the HTTP client's proxies have their own variables. The error is a
// *[CacheError]: the user has no cache folder and TINSMITH_CACHE is not set.
func FromEnv() (Config, error) {
	c := Config{
		Dir:         os.Getenv("TINSMITH_CACHE"),
		HubEndpoint: strings.TrimRight(os.Getenv("HF_ENDPOINT"), "/"),
		HubToken:    strings.TrimSpace(os.Getenv("HF_TOKEN")),
		Offline:     truthy(os.Getenv("TINSMITH_OFFLINE")) || truthy(os.Getenv("HF_HUB_OFFLINE")),
		HubDir:      os.Getenv("HF_HUB_CACHE"),
	}
	if c.Dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return Config{}, &CacheError{Dir: "", Err: fmt.Errorf("no cache folder for this user: %w", err)}
		}
		c.Dir = filepath.Join(user, "tinsmith", "models")
	}
	home := os.Getenv("HF_HOME")
	if home == "" {
		home = defaultHubHome(os.Getenv("XDG_CACHE_HOME"))
	}
	home = expandHome(home)
	if c.HubDir == "" && home != "" {
		c.HubDir = filepath.Join(home, "hub")
	}
	c.HubDir = expandHome(c.HubDir)
	if c.HubToken == "" {
		path := os.Getenv("HF_TOKEN_PATH")
		if path == "" && home != "" {
			path = filepath.Join(home, "token")
		}
		if token, err := os.ReadFile(expandHome(path)); err == nil {
			c.HubToken = strings.TrimSpace(string(token))
		}
	}
	return c, nil
}

// DefaultDir is the cache folder that FromEnv gives.
func DefaultDir() (string, error) {
	c, err := FromEnv()
	return c.Dir, err
}

// truthy is how the Hub's tools read a switch.
func truthy(v string) bool {
	switch strings.ToLower(v) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}

// defaultHubHome is the Hub's folder in the cache folder, the same on all
// systems; empty if the user has no home.
func defaultHubHome(cache string) string {
	if cache != "" {
		return filepath.Join(cache, "huggingface")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".cache", "huggingface")
}

// expandHome replaces a leading ~ by the user's home, if there is one.
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return filepath.Join(home, rest)
}
