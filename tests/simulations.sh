#!/usr/bin/env bash
# Simulated networks in which much goes wrong, one after another for so many seconds; each is decided by its
# number, from SEED on, and what must hold is looked at in each:
#   tests/simulations.sh target/release/networkmngr [SECONDS] [SEED]
# Ends with 1 at the first that does not hold, and the command that repeats it.
set -euo pipefail

program=$(realpath "$1")
seconds=${2:-30} seed=${3:-1}
# A defect that eats memory ends the run, not the machine.
ulimit -v 8000000

pick() { # words: one of them, by chance
  local words=("$@")
  echo "${words[RANDOM % ${#words[@]}]}"
}

runs=0
while [ "$SECONDS" -lt "$seconds" ] || [ "$runs" = 0 ]; do
  RANDOM=$seed
  pick - >/dev/null # the first numbers of near seeds are near
  flags=(
    --nodes "$(pick 5 12 30 60 100)" --topology "$(pick ring random:2 random:3 random:8)"
    --latency "$(pick 5ms±4ms 50ms±20ms 200ms±150ms 800ms±500ms)" --loss "$(pick 0% 1% 5% 15%)"
    --blocks "$(pick 20 50 100)" --interval "$(pick 2s 10s 1m)"
    --partition "$(pick 0s..1s 10s..15s 30s..120s 1m..10m)"
    --churn "$(pick 0% 5% 30%)" --late "$(pick 0 10% 30%)"
    --liars "$(pick 0 5% 20%)" --withhold "$(pick 0 5% 20%)"
    --block-bytes "$(pick 0 1000 20000)" --content-bytes "$(pick 500 5000)" --pooled "$(pick 0% 50% 100%)"
    --bandwidth "$(pick 2Mbit 10Mbit 1Gbit)" --seed "$seed"
  )
  if ! report=$("$program" simulate "${flags[@]}" 2>&1); then
    echo "networkmngr simulate ${flags[*]}"
    echo "$report"
    exit 1
  fi
  runs=$((runs + 1)) seed=$((seed + 1))
done
echo "$runs networks, up to seed $((seed - 1)): everything held"
