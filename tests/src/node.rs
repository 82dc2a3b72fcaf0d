//! The node, as the tests of this package start it.

fn main() -> std::process::ExitCode {
    psi_node::main()
}
