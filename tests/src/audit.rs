//! The auditor's program, as the tests of this package start it.

fn main() -> std::process::ExitCode {
    psi_audit::cli::main(std::env::args_os())
}
