#!/usr/bin/env bash
# The table of docs/simulation.md: how many blocks go stale by block interval and latency, measured and as
# Decker and Wattenhofer's formula has it:
#   cargo build --release && benches/stale.sh target/release/networkmngr
# BLOCKS and SEED may be given.
set -euo pipefail

program=$(realpath "$1")
blocks=${BLOCKS:-5000} seed=${SEED:-7}

row() { # flags: what came of them
  local report stale
  report=$("$program" simulate "$@" --seed "$seed" --json)
  value() { grep -m1 "\"$1\":" <<<"$report" | tr -dc 0-9; }
  percent() { awk -v millionths="$(value "$1")" 'BEGIN { printf "%.2f %%", millionths / 10000 }'; }
  # What chance leaves open: twice the square root of what was counted.
  stale=$(awk -v stale="$(value stale)" -v found="$(value found)" 'BEGIN { printf "±%.2f", 200 * sqrt(stale) / found }')
  delay=$(awk -v us="$(value mean_delay_us)" 'BEGIN { printf "%.3f s", us / 1000000 }')
  echo "| $delay | $(percent predicted_millionths) | $(percent stale_millionths) $stale | \`$*\` |"
}

echo "networkmngr simulate … --seed $seed"
echo
echo "| mean delay | predicted | stale | flags |"
echo "|---|---|---|---|"
for latency in 10ms±5ms 50ms±20ms 200ms±100ms 1s±500ms; do
  for interval in 1s 5s 30s; do
    row --nodes 50 --topology random:4 --latency "$latency" --interval "$interval" --blocks "$blocks"
  done
done
# As in the paper: nodes are uninformed for 11.37 s on average, and a block is found every 633.68 s.
row --nodes 50 --topology ring --latency 900ms --interval 633.68s --blocks $((2 * blocks))
