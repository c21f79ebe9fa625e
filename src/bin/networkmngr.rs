//! A network of proof-of-work nodes: `networkmngr --help`.

use std::process::ExitCode;

use clap::Parser;
use p2pnode::cli::manager::{ManagerArgs, run};

fn main() -> ExitCode {
    run(ManagerArgs::parse())
}
