//! What the fuzz targets check, as plain functions: one for each kind of bytes that a peer sends.
//!
//! A function takes any bytes and panics if a promise is broken. cargo-fuzz runs each with bytes of
//! its own search (`fuzz_targets`); an ordinary `cargo test` runs each with its seeds and changed
//! copies of them (`psi-core/tests/fuzz.rs`, which takes this file in by its path). The SQL reader
//! has its function in `aggregator`, which tests it in the same way.

mod contact;
mod entries;
mod exchange;
#[path = "../../src/facts_fixture.rs"]
mod facts_fixture;
mod frames;
mod kernels;
mod log;
#[allow(dead_code, reason = "the rest of it is for the tests of psi-core")]
#[path = "../../src/log_fixture.rs"]
mod log_fixture;
mod rice;
mod specs;

/// A target: its name, which is that of its folder of seeds, and its function, which says whether the
/// bytes were accepted.
pub type Target = (&'static str, fn(&[u8]) -> bool);

/// Every target over psi-core.
pub const TARGETS: [Target; 8] = [
    ("contact", contact::contact),
    ("entries", entries::entries),
    ("exchange", exchange::exchange),
    ("frames", frames::frames),
    ("kernels", kernels::kernels),
    ("log", log::log),
    ("rice", rice::rice),
    ("specs", specs::specs),
];

/// Runs the target of that name.
///
/// # Panics
/// If a promise is broken, or no target has that name.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|(of, _)| *of == name);
    let (_, target) = target.expect("the name of a target");
    let _ = target(data);
}
