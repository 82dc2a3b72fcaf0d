//! What both sides ask before a job is agreed to.

pub(in crate::job) mod approval;
pub(in crate::job) mod sizes;
pub(in crate::job) mod table_files;
