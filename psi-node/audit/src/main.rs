//! The `psi-audit` program: everything is in the library, which the node uses too.

use std::process::ExitCode;

fn main() -> ExitCode {
    psi_audit::cli::main(std::env::args_os())
}
