//! A node of a proof-of-work network: `p2pnode --help`.

use std::process::ExitCode;

use p2pnode::cli;
use p2pnode::cli::node::{NodeArgs, run};

fn main() -> ExitCode {
    cli::parse::<NodeArgs>().map_or_else(|code| code, run)
}
