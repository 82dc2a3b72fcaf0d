//! What a job comes to on this side, and what is shown of it.

pub mod answer_file;
pub mod document;
pub mod privacy;
pub(in crate::job) mod rows;
pub(in crate::job) mod stopwatch;
