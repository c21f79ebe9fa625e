//! Scenarios: networks with a seed, and what must come of them.

mod runs;
