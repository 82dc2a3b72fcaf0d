//! What one peer may use of this node beside places, connections and disk: attention, arithmetic,
//! lines of the log.
//!
//! Spec 09 §5. Each file holds one bound, whose state lives in [`super::context::JobContext`]; the steps of a
//! job ask it where they use what it bounds. Nothing here knows of a job.

pub(in crate::job) mod doors;
pub(in crate::job) mod looks;
pub(in crate::job) mod notes;
pub(in crate::job) mod turns;
