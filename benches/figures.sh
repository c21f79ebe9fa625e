#!/usr/bin/env bash
# The figures of the README, measured here and now:
#   cargo build --release && benches/figures.sh target/release
set -euo pipefail

programs=$(realpath "$1")
folder=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT

get() { curl --silent --show-error --fail "$1"; }

up() { # nodes, flags: a network on any free ports
  local amount=$1
  shift
  "$programs"/networkmngr -p 0 -a "$amount" --base-http 0 --base-listen 0 --data-dir "$folder/$amount" "$@" \
    >"$folder/$amount.out" 2>&1 &
  pids=($!)
  until [ -e "$folder/$amount/network.json" ]; do
    kill -0 "${pids[0]}" || { cat "$folder/$amount.out"; exit 1; }
  done
  manager=$(grep -A1 '"manager"' "$folder/$amount/network.json" | grep -o '127\.0\.0\.1:[0-9]*')
  nodes=$(grep '"pid"' "$folder/$amount/network.json" | tail -n "$amount" | grep -o '[0-9]*')
}

down() {
  get "http://$manager/shutdown/all" >/dev/null
  wait "${pids[0]}"
  pids=()
}

millis() { # log, pattern: when the first line with it was written, in milliseconds of the day
  grep -m1 -- "$2" "$1" | cut -c12-23 | awk -F'[:.]' '{ print (($1 * 60 + $2) * 60 + $3) * 1000 + $4 }'
}

for amount in 6 32 100; do
  up "$amount" --difficulty 16
  echo "$amount nodes: $(head -1 "$folder/$amount.out" | sed 's/.*up in \(.*\): .*/started, linked and ready in \1/')"
  if [ "$amount" = 6 ]; then
    sleep 2
    ticks() { for pid in $nodes; do awk '{ print $14 + $15 }' "/proc/$pid/stat"; done | paste -sd+ | bc; }
    before=$(ticks)
    sleep 10
    echo "6 nodes, idle: $(($(ticks) - before)) of $((10 * $(getconf CLK_TCK))) ticks of one core in 10 s"
    for pid in $nodes; do grep VmRSS "/proc/$pid/status"; done |
      awk '{ if ($2 > most) most = $2 } END { printf "6 nodes, idle: at most %.1f MiB resident each\n", most / 1024 }'
  fi
  get "http://$manager/start/mining?pause=0s&rounds=$((600 / amount + 1))" >/dev/null
  grep -o 'after [0-9.]* ms' "$folder/$amount.out" | awk '{ print $2 }' | sort -n |
    awk -v n="$amount" '{ ms[NR] = $1 } END {
      printf "%d nodes: a block is on all of them %.1f ms after the first (median of %d), %.1f ms (99 %%), %.1f ms (worst)\n",
        n, ms[int((NR + 1) / 2)], NR, ms[int(NR * 0.99)], ms[NR] }'
  down
done

"$programs"/p2pnode --network regtest --listen 127.0.0.1:0 --http 0 --data-dir "$folder/one" --log "$folder/first.log" >"$folder/first" &
pids=($!)
until grep -q HTTP "$folder/first"; do :; done
first=$(grep -o 'http://[0-9.:]*' "$folder/first" | head -1)
peer=$(grep P2P "$folder/first" | grep -o '127[0-9.:]*')
for _ in $(seq 1000); do echo "url = $first/mine"; echo "output = /dev/null"; done | curl --silent --fail --config -
"$programs"/p2pnode --network regtest --listen 127.0.0.1:0 --http 0 --peer "$peer" --data-dir "$folder/two" --log "$folder/late.log" >"$folder/late" &
pids+=($!)
until grep -q 'height=1000' "$folder/late.log" 2>/dev/null; do :; done
echo "a node that joins late has 1000 blocks $(($(millis "$folder/late.log" height=1000) - $(millis "$folder/late.log" ' ready'))) ms after its start"
for url in "$first" "$(grep -o 'http://[0-9.:]*' "$folder/late" | head -1)"; do get "$url/shutdown" >/dev/null; done
wait "${pids[@]}"
pids=()
