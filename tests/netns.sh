#!/usr/bin/env bash
# Two nodes on two machines: here, two network namespaces with a cable between them. Each has one address;
# the second knows the first's. They find each other, mine, and agree; the second's HTTP is open to the first's
# machine, for a cookie.
#   tests/netns.sh target/debug/p2pnode
set -euo pipefail

node=$(realpath "$1")
left="p2pnode-l$$"
right="p2pnode-r$$"
folder=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  ip netns del "$left" 2>/dev/null || true
  ip netns del "$right" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

if ! ip netns add "$left" 2>"$folder"/why || ! ip netns add "$right" 2>>"$folder"/why; then
  echo "skipped: network namespaces cannot be made here: $(head -1 "$folder"/why)"
  exit 0
fi
ip link add "vl$$" netns "$left" type veth peer name "vr$$" netns "$right"
ip -n "$left" addr add 10.77.0.1/24 dev "vl$$"
ip -n "$right" addr add 10.77.0.2/24 dev "vr$$"
for end in "$left vl$$" "$right vr$$"; do
  set -- $end
  ip -n "$1" link set lo up
  ip -n "$1" link set "$2" up
done

fail() {
  echo "error: $*" >&2
  tail -n 20 "$folder"/*.log >&2
  exit 1
}

until_true() { # what, command
  local what=$1
  shift
  for _ in $(seq 300); do
    "$@" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  fail "$what"
}

cookie=()
get() { # namespace, path
  ip netns exec "$1" curl --silent --fail --max-time 60 "${cookie[@]}" "http://127.0.0.1:5000$2"
}

afar() { # path, more flags of curl: the status of what the left machine asks the right node for
  ip netns exec "$left" curl --silent --output /dev/null --write-out '%{http_code}' --max-time 60 "${@:2}" \
    "http://10.77.0.2:5000$1"
}

ip netns exec "$left" "$node" --listen 10.77.0.1:6000 --http 5000 --difficulty 12 --data-dir "$folder"/left >"$folder"/left.out 2>"$folder"/left.log &
pids+=($!)
ip netns exec "$right" "$node" --listen 10.77.0.2:6000 --http 0.0.0.0:5000 --http-auth cookie --difficulty 12 --peer 10.77.0.1:6000 --data-dir "$folder"/right >"$folder"/right.out 2>"$folder"/right.log &
pids+=($!)

meets() { get "$1" /node/id | grep -q "\"$2:6000\""; }
until_true "the left node does not know the right one" meets "$left" 10.77.0.2
until_true "the right node does not know the left one" meets "$right" 10.77.0.1
get "$left" /mine >/dev/null || fail "the left node does not mine"
has() { get "$1" /chain | grep -q "\"length\": $2}"; }
until_true "the block did not cross" has "$right" 2
cookie=(--user "$(cat "$folder"/right/cookie)")
get "$right" /mine >/dev/null || fail "the right node does not mine"
until_true "the block did not cross back" has "$left" 3
[ "$(get "$left" /chain)" = "$(get "$right" /chain)" ] || fail "their chains differ"

# Across the cable what reads is open, and what changes something needs the cookie.
[ "$(afar /chain)" = 200 ] || fail "the right node's chain cannot be read from the left machine"
[ "$(afar /chain --header 'Host: evil.example')" = 403 ] || fail "the right node answers to any name"
for path in /mine /shutdown; do
  [ "$(afar "$path")" = 401 ] || fail "the left machine has $path of the right node for nothing"
done
[ "$(afar /mine "${cookie[@]}")" = 200 ] || fail "the cookie does not open /mine"
until_true "the third block did not cross" has "$left" 4

get "$left" /shutdown >/dev/null
get "$right" /shutdown >/dev/null
wait "${pids[@]}" || fail "a node did not end well"
pids=()
[ ! -e "$folder"/right/cookie ] || fail "the cookie is left"
echo "two nodes in two network namespaces found each other and agree"
