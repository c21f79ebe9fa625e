#!/usr/bin/env bash
# A disk that becomes full: the node says so, to whoever asked and at its end, and loses nothing; with more
# room it starts again. Needs root, to mount a small disk in memory.
#   tests/fulldisk.sh target/debug/p2pnode
set -euo pipefail

program=$(realpath "$1")
folder=$(mktemp -d)
disk="$folder/disk"
mkdir "$disk"
pid=
finish() {
  [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
  [ -z "$pid" ] || wait "$pid" 2>/dev/null || true
  umount "$disk" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

if ! mount -t tmpfs -o size=6m p2pnode-test "$disk" 2>"$folder"/why; then
  echo "skipped: a disk cannot be mounted here: $(head -1 "$folder"/why)"
  exit 0
fi

fail() {
  echo "error: $*" >&2
  tail -n 20 "$folder"/err >&2
  exit 1
}

start() {
  : >"$folder"/out
  "$program" --network regtest --listen 127.0.0.1:0 --http 0 --data-dir "$disk"/node --log "$folder"/log \
    >"$folder"/out 2>"$folder"/err &
  pid=$!
  for _ in $(seq 600); do
    http=$(sed -n 's/^HTTP  *//p' "$folder"/out)
    [ -n "$http" ] && return 0
    kill -0 "$pid" 2>/dev/null || fail "the node ended before it was ready"
    sleep 0.1
  done
  fail "the node is not ready"
}

mine() { # prints the status and the type; the body goes to a file
  { printf '{"base64": "'; head -c 60000 /dev/urandom | base64 | tr -d '\n'; printf '"}'; } |
    curl --silent --max-time 60 --output "$folder"/answer --write-out '%{http_code} %{content_type}' \
      --header 'Content-Type: application/json' --data-binary @- "$http/mine?verbose=1"
}

start
: >"$folder"/mined
while answer=$(mine) && [ "${answer%% *}" = 200 ]; do
  sed -n 's/.*"hash": *"\([0-9a-f]*\)".*/\1/p' "$folder"/answer >>"$folder"/mined
  [ "$(wc -l <"$folder"/mined)" -lt 200 ] || fail "200 blocks of 60 KB fit into 6 MiB"
done
count=$(wc -l <"$folder"/mined)
[ "$count" -ge 3 ] || fail "the disk was full after $count blocks: $answer $(cat "$folder"/answer)"
[ "$answer" = "503 application/problem+json" ] || fail "a full disk was answered with $answer"
grep -q "no space for $disk/node" "$folder"/answer || fail "503 does not name the disk: $(cat "$folder"/answer)"

code=0
wait "$pid" || code=$?
pid=
[ "$code" = 74 ] || fail "the node ended with $code instead of 74"
grep -q "^error: no space for $disk/node" "$folder"/err || fail "the end does not name the disk"
grep -q '^hint: free some space' "$folder"/err || fail "the end gives no hint"

mount -o remount,size=64m "$disk"
start
curl --silent --fail --max-time 60 "$http/chain" >"$folder"/chain || fail "there is no chain"
while read -r hash; do
  grep -q "\"hash\": *\"$hash\"" "$folder"/chain || fail "the block $hash was acknowledged and is not there"
done <"$folder"/mined
answer=$(mine)
[ "${answer%% *}" = 200 ] || fail "with room again it does not mine: $answer"
curl --silent --fail --max-time 60 "$http/shutdown" >/dev/null
code=0
wait "$pid" || code=$?
pid=
[ "$code" = 0 ] || fail "the orderly stop ended with $code"
echo "a full disk stopped a node after $count blocks; with more room it had them all"
