//! What this process keeps the operating system from showing of its memory.
//!
//! Called once, at the start of each command that may hold a key or what follows from a seed
//! (`Command::holds_secrets`). Covers core dumps and, on Linux, debuggers and `/proc` of the same
//! user; says nothing about swap ("Secrets in memory" of docs/operating).

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::error::UserError;

/// From now on no core dump of this process is written, and on Linux no other process of the same
/// user can attach to it or read its memory.
///
/// # Errors
/// [`UserError`] if the system refuses, which no system should.
pub fn hide_memory() -> Result<(), UserError> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)
        .map_err(|e| UserError::machine("cannot turn core dumps off", e))?;
    not_dumpable()
}

/// Where core dumps are piped to a program the limit above does not hold; this does.
#[cfg(target_os = "linux")]
fn not_dumpable() -> Result<(), UserError> {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};

    set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|e| UserError::machine("cannot hide the memory of this process", e))
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "the same form as on Linux")]
const fn not_dumpable() -> Result<(), UserError> {
    Ok(())
}
