//! Starts a network of nodes, and works with it: `networkmngr --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    p2pnode::cli::commands::main()
}
