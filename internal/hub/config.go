package hub

import (
	"os"
	"path/filepath"
	"strings"
)

// Config says where the Hub and its cache are. The zero value has no cache and
// asks the Hub at DefaultEndpoint without a token.
type Config struct {
	// CacheDir is the cache folder of the Hub's own tools. Empty: none.
	CacheDir string
	// Endpoint is the Hub's base URL, without a slash at its end. Empty:
	// DefaultEndpoint.
	Endpoint string
	// Token goes to Endpoint, and to no other host that it redirects to.
	Token string
	// Offline forbids everything that touches the network.
	Offline bool
}

// DefaultEndpoint is where the Hub is unless Config says otherwise.
const DefaultEndpoint = "https://huggingface.co"

// FromEnv reads the configuration from the environment, by the rules of the
// Hub's own tools. This is the only place of the package that does, and these
// are the variables:
//
//	TINSMITH_OFFLINE  1, true, yes, on: touch no network
//	HF_HUB_OFFLINE    the same
//	HF_ENDPOINT       the Hub's base URL
//	HF_TOKEN          the Hub's access token; else the file HF_TOKEN_PATH, else HF_HOME/token
//	HF_HUB_CACHE      the cache folder of the Hub's tools; else HF_HOME/hub
//	HF_HOME           default: huggingface in XDG_CACHE_HOME, else in ~/.cache
//
// The HTTP client's proxies have their own variables.
func FromEnv() Config {
	c := Config{
		CacheDir: os.Getenv("HF_HUB_CACHE"),
		Endpoint: strings.TrimRight(os.Getenv("HF_ENDPOINT"), "/"),
		Token:    strings.TrimSpace(os.Getenv("HF_TOKEN")),
		Offline:  truthy(os.Getenv("TINSMITH_OFFLINE")) || truthy(os.Getenv("HF_HUB_OFFLINE")),
	}
	home := os.Getenv("HF_HOME")
	if home == "" {
		home = defaultHome(os.Getenv("XDG_CACHE_HOME"))
	}
	home = ExpandHome(home)
	if c.CacheDir == "" && home != "" {
		c.CacheDir = filepath.Join(home, "hub")
	}
	c.CacheDir = ExpandHome(c.CacheDir)
	if c.Token == "" {
		path := os.Getenv("HF_TOKEN_PATH")
		if path == "" && home != "" {
			path = filepath.Join(home, "token")
		}
		if token, err := os.ReadFile(ExpandHome(path)); err == nil {
			c.Token = strings.TrimSpace(string(token))
		}
	}
	return c
}

// truthy is how the Hub's tools read a switch.
func truthy(v string) bool {
	switch strings.ToLower(v) {
	case "1", "true", "yes", "on":
		return true
	}
	return false
}

// defaultHome is the Hub's folder in the cache folder, the same on all systems;
// empty if the user has no home.
func defaultHome(cache string) string {
	if cache != "" {
		return filepath.Join(cache, "huggingface")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".cache", "huggingface")
}

// ExpandHome replaces a leading ~ by the user's home folder, if there is one.
func ExpandHome(path string) string {
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
