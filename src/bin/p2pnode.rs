//! A node of a proof-of-work network: `p2pnode --help`.

use std::process::ExitCode;

use clap::Parser;
use p2pnode::cli::node::{NodeArgs, run};

fn main() -> ExitCode {
    run(NodeArgs::parse())
}
