package catalog

import (
	"fmt"
	"os"
	"path/filepath"

	hubenv "tinsmith.example/internal/hub"
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
const DefaultHubEndpoint = hubenv.DefaultEndpoint

// FromEnv reads the configuration from the environment: TINSMITH_CACHE is the
// cache folder (default: tinsmith/models in the user's cache folder), and the
// rest is what package hub reads.
//
// pip and the HTTP client's proxies have their own variables. The error is a
// *[CacheError]: the user has no cache folder and TINSMITH_CACHE is not set.
func FromEnv() (Config, error) {
	there := hubenv.FromEnv()
	c := Config{
		Dir:    os.Getenv("TINSMITH_CACHE"),
		HubDir: there.CacheDir, HubEndpoint: there.Endpoint, HubToken: there.Token, Offline: there.Offline,
	}
	if c.Dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return Config{}, &CacheError{Dir: "", Err: fmt.Errorf("no cache folder for this user: %w", err)}
		}
		c.Dir = filepath.Join(user, "tinsmith", "models")
	}
	return c, nil
}

// DefaultDir is the cache folder that FromEnv gives.
func DefaultDir() (string, error) {
	c, err := FromEnv()
	return c.Dir, err
}
