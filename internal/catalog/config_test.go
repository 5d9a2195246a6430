package catalog

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// setEnvironment gives every variable that FromEnv reads its value in env, and
// clears those that are not there.
func setEnvironment(t *testing.T, env map[string]string) {
	t.Helper()
	for _, k := range []string{"HOME", "TINSMITH_CACHE", "TINSMITH_OFFLINE", "HF_HUB_OFFLINE", "HF_ENDPOINT",
		"HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"} {
		t.Setenv(k, env[k])
	}
}

func TestEnvironment(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the folders are those of Linux")
	}
	home := t.TempDir()
	put(t, filepath.Join(home, "hf", "token"), []byte("from-file\n"))
	for _, tt := range []struct {
		name string
		env  map[string]string
		want Config
	}{
		{"nothing set", nil, Config{Dir: home + "/.cache/tinsmith/models", HubDir: home + "/.cache/huggingface/hub"}},
		{"all set", map[string]string{"TINSMITH_CACHE": "/c", "TINSMITH_OFFLINE": "true", "HF_HUB_CACHE": "/h", "HF_ENDPOINT": "http://localhost:1/", "HF_TOKEN": " t "},
			Config{Dir: "/c", HubDir: "/h", HubEndpoint: "http://localhost:1", HubToken: "t", Offline: true}},
		{"HF_HOME", map[string]string{"HF_HOME": "~/hf", "HF_HUB_OFFLINE": "1"},
			Config{Dir: home + "/.cache/tinsmith/models", HubDir: home + "/hf/hub", HubToken: "from-file", Offline: true}},
		{"XDG_CACHE_HOME", map[string]string{"XDG_CACHE_HOME": "/x", "HF_HUB_OFFLINE": "0"},
			Config{Dir: "/x/tinsmith/models", HubDir: "/x/huggingface/hub"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := map[string]string{"HOME": home}
			maps.Copy(env, tt.env)
			setEnvironment(t, env)
			got, err := FromEnv()
			if err != nil {
				t.Fatal(err)
			}
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(tt.want)
			if string(a) != string(b) {
				t.Errorf("got  %s\nwant %s", a, b)
			}
		})
	}
	setEnvironment(t, nil)
	if _, err := FromEnv(); err == nil || !strings.Contains(err.Error(), "TINSMITH_CACHE") {
		t.Errorf("without a home: %v, want a word of TINSMITH_CACHE", err)
	}
	if c, err := NewCache("/models"); err != nil || c.Dir() != "/models" {
		t.Errorf("NewCache(/models) = %v, %v", c, err)
	}
}
