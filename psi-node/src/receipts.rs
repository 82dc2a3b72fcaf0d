//! Writing receipt logs for others: the file that members give to auditors (Spec 07 §9).
//!
//! What its lines say and how it is verified is [`psi_audit::receipts`].

pub mod export;

#[cfg(test)]
pub(crate) mod tests;
