//! The `psi-node` binary: everything is in the library, so that process tests can start a node
//! from another package.

use std::process::ExitCode;

fn main() -> ExitCode {
    psi_node::main()
}
