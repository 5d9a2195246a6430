// Package pb holds the protobuf messages of the Tinker API, generated from
// tinker.proto by generate.sh. Package wire, its only user, turns them into
// plain Go values; nothing else should see them.
package pb

//go:generate ./generate.sh
