//! Two members of a receipt log in memory: what entries say, what a member holds, and how the two
//! exchange messages, with crashes.
//!
//! The unit tests of `receipt` use it, and the fuzz target `log` takes this file in by its path.

#[path = "log_fixture/bodies.rs"]
pub(crate) mod bodies;
#[path = "log_fixture/node.rs"]
pub(crate) mod node;
#[path = "log_fixture/pair.rs"]
pub(crate) mod pair;
