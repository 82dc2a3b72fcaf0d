//! The policies under which this node agreed to jobs, by the digest that is on the receipts.
//!
//! Spec 07 §10. One salt for each distinct text, so that the same policy has the same digest in all
//! jobs. With salt and text the owner can show an auditor which policy was in force.

use psi_core::receipt::{PolicyDigest, PolicySalt, policy_digest};
use rusqlite::{OptionalExtension, params};

use super::{State, StateError, bytes, now_unix};

/// A policy and what its digest was made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPolicy {
    /// The digest, as it is on receipts.
    pub digest: PolicyDigest,
    /// The salt.
    pub salt: PolicySalt,
    /// The canonical text.
    pub text: String,
    /// When it was first used.
    pub first_unix: i64,
}

impl State {
    /// The digest of a policy; the first time that a text is seen, a salt is drawn for it.
    ///
    /// # Errors
    /// [`StateError::Machine`] if the system gives no randomness; [`StateError::Damaged`].
    pub fn policy_digest(&self, text: &str) -> Result<PolicyDigest, StateError> {
        self.write(|transaction| {
            let known: Option<Vec<u8>> = transaction
                .query_row(
                    "SELECT digest FROM policies WHERE text = ?1",
                    [text],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(digest) = known {
                return bytes(&digest, "the digest of a policy");
            }
            let mut salt = [0; 32];
            getrandom::fill(&mut salt).map_err(|error| {
                StateError::Machine(format!("no randomness from the system: {error}"))
            })?;
            let salt = PolicySalt(salt);
            let digest = policy_digest(&salt, text);
            transaction.execute(
                "INSERT INTO policies (digest, salt, text, first_unix) VALUES (?1, ?2, ?3, ?4)",
                params![digest.as_bytes(), salt.as_bytes(), text, now_unix()],
            )?;
            Ok(digest)
        })
    }

    /// All policies under which this node ever agreed to a job, oldest first.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if one cannot be read.
    pub fn policies(&self) -> Result<Vec<StoredPolicy>, StateError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT digest, salt, text, first_unix FROM policies ORDER BY first_unix, digest",
        )?;
        let mut rows = statement.query([])?;
        let mut policies = Vec::new();
        while let Some(row) = rows.next()? {
            let (digest, salt): (Vec<u8>, Vec<u8>) = (row.get("digest")?, row.get("salt")?);
            policies.push(StoredPolicy {
                digest: bytes(&digest, "the digest of a policy")?,
                salt: bytes(&salt, "the salt of a policy")?,
                text: row.get("text")?,
                first_unix: row.get("first_unix")?,
            });
        }
        Ok(policies)
    }
}
