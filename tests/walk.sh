#!/usr/bin/env bash
# The walk of the README, word for word, with networks of the sizes that are named:
#   tests/walk.sh target/release/networkmngr 2 6 25
# Every node must end up with the same chain, and no process may be left.
set -euo pipefail

manager=$(realpath "$1")
shift
folder=$(mktemp -d)
pid=
finish() {
  [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
  rm -rf "$folder"
}
trap finish EXIT

fail() {
  echo "error: $*" >&2
  cat "$folder"/out >&2 || true
  exit 1
}

get() {
  curl --silent --show-error --fail --max-time 300 "$1"
}

for amount in "$@"; do
  rm -rf "$folder"/network
  "$manager" -p 4999 -a "$amount" --pause 0s --data-dir "$folder"/network >"$folder"/out 2>&1 &
  pid=$!
  for _ in $(seq 600); do
    # It appears, whole, when the network is up.
    [ -e "$folder"/network/network.json ] && break
    kill -0 "$pid" 2>/dev/null || fail "the manager ended"
    sleep 0.1
  done
  get 0.0.0.0:5000/node/id | grep -q '"nodes"' || fail "no /node/id"
  known=$(get 0.0.0.0:5000/node/id | grep -o '127\.0\.0\.1:6[0-9]*' | sort -u | wc -l)
  [ "$known" = "$amount" ] || fail "node 0 and those it knows are $known, not $amount"
  get 0.0.0.0:5000/chain | grep -q '"length": 1}' || fail "there is more than genesis"
  get 0.0.0.0:4999/start/mining | grep -q '"requests":'"$amount" || fail "not every node was asked to mine"
  for node in $(seq 0 $((amount - 1))); do
    get 0.0.0.0:$((5000 + node))/chain >"$folder/chain-$node"
    grep -q '"length": '$((amount + 1))'}' "$folder/chain-$node" || fail "node $node has another length"
    cmp -s "$folder/chain-0" "$folder/chain-$node" || fail "node $node has another chain"
  done
  processes=$(grep -o '"pid": [0-9]*' "$folder"/network/network.json | grep -o '[0-9]*')
  [ "$(get 0.0.0.0:4999/shutdown/all)" = '"Servers will be shut down..."' ] || fail "no farewell"
  wait "$pid" || fail "the manager's exit code is $?"
  pid=
  for node in $processes; do
    # A process that nobody has waited for yet is not running.
    if [ -e "/proc/$node/stat" ] && ! grep -q ') Z ' "/proc/$node/stat"; then fail "process $node is left"; fi
  done
  echo "$amount nodes: $((amount + 1)) blocks, the same on all; all ended"
done
