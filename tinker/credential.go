package tinker

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// A CredentialError is a key that could not be had: the credential command did
// not print one, or the server would not exchange it for a web token. It never
// shows a key.
type CredentialError struct {
	Stderr string // the end of what the command wrote to its standard error
	Err    error  // what went wrong
}

func (e *CredentialError) Error() string {
	text := "tinker: no credential: " + strings.TrimPrefix(e.Err.Error(), "tinker: ")
	if e.Stderr != "" {
		text += ": " + e.Stderr
	}
	return text
}

func (e *CredentialError) Unwrap() error { return e.Err }

// A credential is what a program proves with who it is: a key, or a command that
// prints one.
type credential struct {
	key     string // "": there is only the command
	command string // "": there is none
}

// newCredential takes, of what options and environment say, what the API lets
// come first: the key, the command, and then the key that is stored for the user.
func newCredential(c *config) (credential, error) {
	key := c.apiKey
	if key == "" && c.credentialCommand == "" {
		stored, err := storedKey()
		if err != nil {
			return credential{}, err
		}
		key = stored
	}
	if key != "" && c.credentialCommand != "" && !keyPrefix(key) {
		c.log.Warn("tinker: the API key cannot be one, since it begins with neither tml- nor eyJ: the credential command is used")
		key = ""
	}
	if key == "" && c.credentialCommand != "" {
		return credential{command: c.credentialCommand}, nil
	}
	return credential{key, c.credentialCommand}, checkKey(key, time.Now())
}

// get returns the key itself, or what the command prints now.
func (c credential) get(ctx context.Context) (string, error) {
	if c.key == "" {
		return runCredentialCommand(ctx, c.command)
	}
	return c.key, checkKey(c.key, time.Now()) // again: web tokens expire
}

// storedKey is the default key of the file in which the official client's login
// command stores keys; "" without one.
func storedKey() (string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return "", nil
	}
	path := filepath.Join(home, ".tinker", "credentials.json")
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("tinker: stored keys: %w", err)
	}
	var stored struct {
		Version int                             `json:"version"`
		Default string                          `json:"default"`
		Keys    map[string]struct{ Key string } `json:"keys"`
	}
	if json.Unmarshal(content, &stored) != nil || stored.Version != 1 {
		return "", &ArgumentError{"the file of stored keys", path, "JSON of version 1, as the official client's login command writes it"}
	}
	return stored.Keys[stored.Default].Key, nil
}

const (
	commandTimeout = time.Minute
	mostStderr     = 2000 // bytes, of the end
)

// runCredentialCommand returns what a command of the system's shell prints,
// without the white space around it. The command has a minute.
func runCredentialCommand(ctx context.Context, command string) (string, error) {
	limited, cancel := context.WithTimeoutCause(ctx, commandTimeout, fmt.Errorf("the credential command took longer than %v", commandTimeout))
	defer cancel()
	shell, flag := "/bin/sh", "-c"
	if runtime.GOOS == "windows" {
		shell, flag = "cmd", "/C"
	}
	cmd := exec.CommandContext(limited, shell, flag, command)
	cmd.WaitDelay = time.Second // for what the command leaves behind with its output open
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) { // the command itself has succeeded
		err = nil
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	key := strings.TrimSpace(stdout.String())
	switch {
	case limited.Err() != nil:
		err = context.Cause(limited)
	case err != nil:
		err = fmt.Errorf("the credential command failed: %w", err)
	default:
		err = checkPrinted(key, time.Now())
	}
	if err != nil {
		return "", &CredentialError{Stderr: withoutKeys(stderr.Bytes(), key), Err: err}
	}
	return key, nil
}

// checkPrinted refuses what a credential command has printed if it cannot be
// sent, or has expired.
func checkPrinted(key string, now time.Time) error {
	switch {
	case key == "":
		return errors.New("the credential command printed nothing")
	case !printable(key):
		return errors.New("the credential command printed something other than one word of printable ASCII")
	case strings.HasPrefix(key, webTokenPrefix):
		return checkKey(key, now)
	}
	return nil
}

var keyLike = regexp.MustCompile(`(tml-|eyJ)[\w.~+/=-]+`)

// withoutKeys is the end of a command's error output, as one line, without key
// and without anything that looks like one.
func withoutKeys(output []byte, key string) string {
	text := string(output)
	if key != "" {
		text = strings.ReplaceAll(text, key, "[key]")
	}
	text = strings.Join(strings.Fields(keyLike.ReplaceAllString(text, "[key]")), " ")
	if len(text) > mostStderr {
		text = "... " + strings.ToValidUTF8(text[len(text)-mostStderr:], "")
	}
	return text
}

const webTokenPrefix = "eyJ" // {" in base64

func keyPrefix(key string) bool {
	return strings.HasPrefix(key, "tml-") || strings.HasPrefix(key, webTokenPrefix)
}

func printable(key string) bool {
	return !strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkKey refuses a credential that cannot be one, before it is sent anywhere.
// Its errors do not show the key.
func checkKey(key string, now time.Time) error {
	switch {
	case key == "":
		return &ArgumentError{"the API key", "", "set with WithAPIKey or TINKER_API_KEY"}
	case !printable(key):
		return &ArgumentError{"the API key", notShown(key), "printable ASCII without spaces"}
	case !keyPrefix(key):
		return &ArgumentError{"the API key", notShown(key), "a key that begins with tml-, or a JSON web token"}
	case !strings.HasPrefix(key, webTokenPrefix):
		return nil
	}
	claims, err := readClaims(key)
	if err != nil {
		return &ArgumentError{"the JSON web token", notShown(key), err.Error()}
	}
	if !now.Before(claims.expires) {
		return &ArgumentError{"the JSON web token's exp", claims.expires.UTC().Format(time.RFC3339), "in the future"}
	}
	return nil
}

// claims are what is read of a JSON web token. Nobody checks its signature here:
// it is for the server.
type claims struct {
	issued, expires time.Time // issued is zero if the token does not say
}

// readClaims fails with what a token must be.
func readClaims(token string) (claims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, errors.New("three parts with dots between them")
	}
	var payload struct{ Exp, Iat *float64 }
	content, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(content, &payload) != nil || payload.Exp == nil {
		return claims{}, errors.New("one whose middle part has a numeric exp")
	}
	c := claims{expires: seconds(*payload.Exp)}
	if payload.Iat != nil {
		c.issued = seconds(*payload.Iat)
	}
	return c, nil
}

func seconds(s float64) time.Time {
	const most = 1e11 // the year 5138; beyond it, so much is all the same
	return time.Unix(int64(min(max(s, -most), most)), 0)
}
