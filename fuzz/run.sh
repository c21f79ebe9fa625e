#!/usr/bin/env bash
# Runs fuzz targets for so many seconds each: fuzz/run.sh SECS [TARGET ...]; all of them, if none is named.
#
# Where there is no libFuzzer (no cargo-fuzz to be had, or no C++ compiler), their bodies run over the kept
# corpus and over random bytes instead, as they do in `cargo test`, only more of them.
set -euo pipefail
cd "$(dirname "$0")/.."

secs=${1:-15}
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(frames messages handshake node chain chain_file)

command -v cargo-fuzz >/dev/null || cargo install cargo-fuzz --locked || true
if ! command -v cargo-fuzz >/dev/null || ! command -v c++ >/dev/null; then
  echo "skipped: there is no cargo-fuzz or no C++ compiler; random bytes instead"
  FUZZ_RANDOM=20000 cargo test --locked --test fuzz
  exit
fi

# Stable does, without a sanitizer: there is no unsafe code to be watched here.
export RUSTC_BOOTSTRAP=1
cargo fuzz build --sanitizer none --features fuzzer
built=fuzz/target/$(rustc -vV | sed -n 's/^host: //p')/release
mkdir -p fuzz/artifacts
for target in "${targets[@]}"; do
  # What is new stays in a folder of its own; the kept corpus is only read.
  found=fuzz/target/corpus/$target
  mkdir -p "$found"
  log=fuzz/target/$target.log
  if ! "$built/$target" -max_total_time="$secs" -max_len=4096 -timeout=20 -rss_limit_mb=2048 \
    -artifact_prefix="fuzz/artifacts/$target-" "$found" "fuzz/corpus/$target" >"$log" 2>&1; then
    tail -n 100 "$log" >&2
    echo "error: $target found something: fuzz/artifacts/$target-*" >&2
    echo "hint: $built/$target FILE shows it again; keep the file in fuzz/corpus/$target once it is mended" >&2
    exit 1
  fi
  echo "$target: $(tail -n 1 "$log")"
done
