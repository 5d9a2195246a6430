#!/bin/sh
# Writes tinker.pb.go from tinker.proto, with the same bytes on every machine.
#
# Usage: ./generate.sh
#
# Needs Go and Python 3 with venv. The two tools are pinned: protoc from the
# PyPI package grpcio-tools, protoc-gen-go from the module's protobuf version.
# Both go to a temporary folder that is removed at the end.
set -eu
cd "$(dirname "$0")"

grpcio_tools=1.85.1
protobuf=v1.36.12

tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT

python3 -m venv "$tools/venv"
"$tools/venv/bin/pip" install --quiet --disable-pip-version-check "grpcio-tools==$grpcio_tools"
GOBIN="$tools/bin" go install "google.golang.org/protobuf/cmd/protoc-gen-go@$protobuf"

PATH="$tools/bin:$PATH" "$tools/venv/bin/python" -m grpc_tools.protoc \
	--proto_path=. --go_out=. --go_opt=paths=source_relative tinker.proto
gofmt -w tinker.pb.go
