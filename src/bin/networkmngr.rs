//! Starts a network of nodes: `networkmngr --help`.

use std::process::ExitCode;

use p2pnode::cli;
use p2pnode::cli::manager::{ManagerArgs, run};

fn main() -> ExitCode {
    cli::parse::<ManagerArgs>().map_or_else(|code| code, run)
}
