package tinker

import (
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// fromEnvironment is where this package reads environment variables, all that it
// knows: docs/sdk.md has the table of them, with the options that override each.
// An empty one counts as unset.
func fromEnvironment() config {
	c := config{
		baseURL:           os.Getenv("TINKER_BASE_URL"),
		apiKey:            os.Getenv("TINKER_API_KEY"),
		credentialCommand: os.Getenv("TINKER_CREDENTIAL_CMD"),
		projectID:         os.Getenv("TINKER_PROJECT_ID"),
		isolated:          slices.Contains([]string{"1", "true", "yes"}, strings.ToLower(os.Getenv("TINKER_SUBPROCESS_SAMPLING"))),
		telemetry:         switchedOn(os.Getenv("TINKER_TELEMETRY")),
		log:               logger(os.Getenv("TINKER_LOG")),
		heartbeat:         10 * time.Second,
		header:            http.Header{},
	}
	if c.baseURL == "" {
		c.baseURL = DefaultBaseURL
	}
	for tag := range strings.SplitSeq(os.Getenv("TINKER_TAGS"), ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			c.tags = append(c.tags, tag)
		}
	}
	for variable, name := range map[string]string{
		"CLOUDFLARE_ACCESS_CLIENT_ID":     "CF-Access-Client-Id",
		"CLOUDFLARE_ACCESS_CLIENT_SECRET": "CF-Access-Client-Secret",
	} {
		if value := os.Getenv(variable); value != "" {
			c.header.Set(name, value)
		}
	}
	return c
}

// switchedOn reads a switch that is on unless it says something else.
func switchedOn(value string) bool {
	switch strings.ToLower(value) {
	case "", "1", "true", "yes", "on":
		return true
	}
	return false
}

// logger writes to the standard error what has at least that level. Without one
// it is the program's own.
func logger(level string) *slog.Logger {
	least := slog.LevelInfo
	switch strings.ToLower(level) {
	case "debug":
		least = slog.LevelDebug
	case "info":
	default:
		return slog.Default()
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: least}))
}
