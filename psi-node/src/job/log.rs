//! The receipt log of a collaboration, inside a job and outside of one.
//!
//! Spec 07 §2 and Spec 06 §4. How entries come on a log is decided by the machines of
//! [`psi_core::receipt::log`]. Here is what brings them about:
//!
//! | File | What it does |
//! |---|---|
//! | `driver` | takes the steps of a machine: stores, sends, waits |
//! | `chain`, `locks` | one log as a task of this node holds it, and who may append |
//! | `refusal` | records a question that was refused, and tells the peer |
//! | `settlements` | when a log is settled: before and after jobs, at start, when a peer asks |
//! | `settling` | which settlements are under way, and how long to wait before the next attempt |
//! | `open_jobs` | the jobs that run here, as receipts name them |

pub(in crate::job) mod chain;
pub(in crate::job) mod driver;
pub(in crate::job) mod locks;
pub(in crate::job) mod open_jobs;
pub(in crate::job) mod refusal;
pub(in crate::job) mod settlements;
pub(in crate::job) mod settling;
