# A tinsmith serve for the scripts beside this file, which source it at the root
# of the repository: with a key of its own, on a free port, until the script ends.

scratch=$(mktemp -d)
server=
cleanup() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  rm -rf "$scratch"
}
trap cleanup EXIT

# fail REASON: ends the script, and shows what server and clients printed.
fail() {
  echo "$0: $1" >&2
  for file in "$scratch"/*.txt; do
    [ -s "$file" ] && { echo "--- $(basename "$file")"; tail -n 40 "$file"; } >&2
  done
  exit 1
}

# start_server FLAG...: starts it, with the default model if no flag says otherwise,
# and says to clients where it is.
start_server() {
  CGO_ENABLED=0 go build -o bin/tinsmith ./cmd/tinsmith
  bin/tinsmith pull
  bin/tinsmith serve --addr 127.0.0.1:0 --key tml-compat "$@" >"$scratch/server-stdout.txt" 2>"$scratch/server-stderr.txt" &
  server=$!
  local exports
  for _ in $(seq 600); do
    grep -q '^export TINKER_API_KEY=' "$scratch/server-stdout.txt" && break
    kill -0 "$server" 2>/dev/null || fail "the server did not start"
    sleep 0.1
  done
  exports=$(grep '^export ' "$scratch/server-stdout.txt") || fail "the server was not ready within 60 s"
  eval "$exports"
  # The tokenizer can only come from the server: the Hub's cache is a fresh one.
  export HF_ENDPOINT=$TINKER_BASE_URL HF_HOME=$scratch/hub TRANSFORMERS_NO_ADVISORY_WARNINGS=1
}

# stop_server: stops it, and fails if it had anything to complain about.
stop_server() {
  local status=0
  kill -INT "$server"
  wait "$server" || status=$?
  server=
  [ "$status" -eq 0 ] || fail "the server ended with status $status"
  if grep -inE 'level=(warn|error)|panic|goroutine [0-9]' "$scratch/server-stderr.txt"; then
    fail "the server complained on standard error"
  fi
}
