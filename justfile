# What CI runs, by name. `just` is optional: each recipe is one command.

# All tests, in Rust alone.
test:
    cargo test --locked

# Format, lints and documentation, warnings denied.
check:
    cargo fmt --check
    cargo clippy --locked --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items

# Licences, sources and duplicates of what we depend on.
deny:
    cargo deny --locked check bans licenses sources

# A network of six nodes.
run:
    cargo run --release -- -p 4999 -a 6

# The walk of the README, against the release build, with many sizes of networks.
walk *SIZES="2 6 25 60 100":
    cargo build --release --locked
    tests/walk.sh target/release/networkmngr {{SIZES}}

# Every lesson, the slow ones too: `networkmngr scenario list` names them.
lessons:
    ALL_LESSONS=1 cargo test --locked --test commands lessons -- --nocapture

# Two nodes in two network namespaces find each other (needs root).
netns:
    cargo build --locked
    tests/netns.sh target/debug/p2pnode

# Everything that CI does.
ci:
    .ci/run

# A script written for the Python original drives a network.
original:
    cargo build --locked
    tests/original.py target/debug/networkmngr

# A client written from docs/protocol.md alone meets a node; `just interop --long` waits for what takes minutes.
interop *FLAGS:
    cargo build --locked
    tests/interop/run.py target/debug/p2pnode {{FLAGS}}

# A node and a manager are held to their own specifications, by requests that Schemathesis makes (needs python3).
api *SEED:
    cargo build --locked
    tests/api.py target/debug/p2pnode {{SEED}}

# A real browser opens hostile pages beside a node (needs Chromium).
browser:
    cargo build --locked
    tests/browser.py target/debug/p2pnode

# The page in a real browser, on a network that is cut and heals (needs Chromium): `just page --measure --long 10000`.
page *FLAGS:
    cargo build --locked
    tests/page.py target/debug/networkmngr --shots target/page {{FLAGS}}

# The figures of the README, measured here: `just figures nodes=6`, or all of them, in a few minutes.
figures *FLAGS:
    cargo bench --locked --bench network -- {{FLAGS}}
    cargo bench --locked --bench http -- {{FLAGS}}

# A bench, all of it or what has this in its name: `just bench sync`, `just bench store read --rounds 3`.
bench NAME *FLAGS:
    cargo bench --locked --bench {{NAME}} -- {{FLAGS}}

# A node on a disk that becomes full (needs root).
fulldisk:
    cargo build --locked
    tests/fulldisk.sh target/debug/p2pnode

# A chain of a million blocks is imported, served with flat memory, and synced; its figures.
long BLOCKS="1000000":
    LONG_BLOCKS={{BLOCKS}} cargo test --locked --test long -- --nocapture

# Bits flip in the store of a long chain: its export stays the same bytes, or the damage is named.
flips BLOCKS="10000" FLIPS="1000":
    EXPORT_BLOCKS={{BLOCKS}} EXPORT_FLIPS={{FLIPS}} cargo test --locked --lib a_bit_that_flips_in_the_store -- --nocapture

# Simulated networks with faults and a random seed, for so many seconds: `just simulate 3600`, or a seed of one's choosing.
simulate SECS="600" SEED=`od -An -N3 -tu4 /dev/urandom | tr -d ' '`:
    cargo build --release --locked
    tests/simulations.sh target/release/networkmngr {{SECS}} {{SEED}}

# A fuzz target for so many seconds: `just fuzz node 3600`, as in fuzz/src/lib.rs; what it finds is in fuzz/artifacts.
fuzz TARGET SECS="60":
    fuzz/run.sh {{SECS}} {{TARGET}}

# A node is killed at random moments, and has to have kept its word: `just crash 5000`, CRASH_SEED=… as last time.
crash ROUNDS="1000":
    CRASH_ROUNDS={{ROUNDS}} cargo test --locked --test crash -- --nocapture
