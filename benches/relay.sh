#!/usr/bin/env bash
# The table of ADR 8: ways to tell of a block, by how long a block takes to the nodes and how many bytes, in
# simulations of 1,000 nodes with uplinks of 10 Mbit/s:
#   cargo build --release && benches/relay.sh target/release/networkmngr
# NODES, BLOCKS and SEED may be given; so may FORMS, SIZES and POOLED, to measure a part.
set -euo pipefail

program=$(realpath "$1")
nodes=${NODES:-1000} blocks=${BLOCKS:-10} seed=${SEED:-7}
line=(--topology random:8 --latency 50ms±20ms --bandwidth 10Mbit --interval 2m)

value() { # JSON, name: the first number of that name
  grep -m1 "\"$2\":" <<<"$1" | tr -dc 0-9
}

echo "networkmngr simulate --nodes $nodes ${line[*]} --blocks $blocks --seed $seed"
echo
echo "| bytes of contents | known before | told by | 50 % of nodes | 99 % | 100 % | bodies | with contents |"
echo "|---|---|---|---|---|---|---|---|"
for size in ${SIZES:-1000 10000 30000 100000 900000}; do
  for pooled in ${POOLED:-0% 90% 100%}; do
    for form in ${FORMS:-flood push:8 push:4 push:2 announce compact shipped}; do
      # Twenty contents in each block.
      report=$("$program" simulate --nodes "$nodes" "${line[@]}" --blocks "$blocks" --seed "$seed" --json \
        --block-bytes "$size" --content-bytes $((size / 20)) --pooled "$pooled" --relay "$form")
      median() { # percent of the nodes: half of the blocks had come to so many after so long, in ms
        grep -A3 "\"$1\": {" <<<"$report" | grep median_us | tr -dc 0-9 | sed 's/...$//'
      }
      times() { awk -v bytes="$1" -v floor="$(value "$report" floor_bytes)" 'BEGIN { printf "%.2f", bytes / floor }'; }
      about_blocks=$(value "$report" told_of_blocks)
      about_contents=$(value "$report" told_of_contents)
      echo "| $size | $pooled | $form | $(median 50) ms | $(median 99) ms | $(median 100) ms" \
        "| $(times "$about_blocks") | $(times $((about_blocks + about_contents))) |"
    done
  done
done
