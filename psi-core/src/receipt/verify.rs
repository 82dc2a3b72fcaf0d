//! The offline check of a receipt log, entry by entry (Spec 07 §5).
//!
//! Needs the log, the collaboration's id and the two public keys; no data and no network. Time and
//! memory are linear in the number of jobs.

use std::collections::BTreeMap;

use super::{Body, Entry, EntryHash, Signature, entry_hash, signature_holds, signing_text};
use crate::error::Error;
use crate::spec::{CollabId, JobId, JobSpec, NodeId};

/// Why an entry does not belong in its place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// The bytes do not decode to an entry.
    #[error("it is not a well-formed entry: {0}")]
    Malformed(#[source] Error),
    /// The entry belongs to another collaboration.
    #[error("it belongs to another collaboration")]
    OtherCollaboration,
    /// An entry is missing, repeated or out of order.
    #[error("it bears number {found} where number {expected} belongs")]
    Sequence {
        /// The number that belongs here.
        expected: u64,
        /// The number it has.
        found: u64,
    },
    /// The entry does not continue the one before: one of the two was changed, or the log forked.
    #[error("it does not continue the entry before it")]
    Previous,
    /// A signature is missing on an entry that others follow.
    #[error("the entry before it lacks the signature of {0}")]
    Unsigned(String),
    /// A signature does not verify.
    #[error("the signature of {0} does not verify")]
    Signature(String),
    /// The job was opened before.
    #[error("it opens a job that an earlier entry opened")]
    Reopened,
    /// The job was never opened, or closed before.
    #[error("it closes a job that is not open")]
    NotOpen,
    /// It names nodes that are not the members.
    #[error("it names nodes that are not the members")]
    OtherNodes,
}

/// What a verified log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainSummary {
    /// Entries checked.
    pub entries: u64,
    /// Jobs opened.
    pub opened: u64,
    /// Jobs that completed.
    pub completed: u64,
    /// Jobs that were aborted.
    pub aborted: u64,
    /// Questions that a member refused.
    pub refused: u64,
    /// Members whose signature the last entry lacks.
    pub unsigned: Vec<String>,
}

/// A member whose log is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogMember {
    /// The key under which its signatures must hold.
    pub node_id: NodeId,
    /// Its name, for messages.
    pub name: String,
}

/// Checks a log from its first entry on.
pub struct ChainVerifier {
    collab_id: CollabId,
    members: [LogMember; 2],
    head: EntryHash,
    jobs: BTreeMap<JobId, bool>,
    summary: ChainSummary,
}

impl ChainVerifier {
    /// A verifier for the collaboration `collab_id` between two members, in any order.
    #[must_use]
    pub fn new(collab_id: CollabId, mut members: [LogMember; 2]) -> Self {
        members.sort_by_key(|member| member.node_id);
        let (head, jobs, summary) = (EntryHash::ZERO, BTreeMap::new(), ChainSummary::default());
        Self {
            collab_id,
            members,
            head,
            jobs,
            summary,
        }
    }

    /// Checks the next entry; `signatures` are in the order of node ids.
    ///
    /// # Errors
    /// A [`ChainError`] that says what is wrong. Do not use the verifier after it.
    pub fn check(
        &mut self,
        bytes: &[u8],
        signatures: &[Option<Signature>; 2],
    ) -> Result<Entry, ChainError> {
        if let Some(name) = self.summary.unsigned.first() {
            return Err(ChainError::Unsigned(name.clone()));
        }
        let entry = Entry::decode(bytes).map_err(ChainError::Malformed)?;
        self.check_place(&entry)?;
        let hash = entry_hash(bytes);
        let text = signing_text(&hash);
        for (LogMember { node_id, name }, signature) in self.members.iter().zip(signatures) {
            match signature {
                None => self.summary.unsigned.push(name.clone()),
                Some(signature) if signature_holds(node_id, &text, signature) => {}
                Some(_) => return Err(ChainError::Signature(name.clone())),
            }
        }
        self.check_body(&entry)?;
        self.head = hash;
        self.summary.entries += 1;
        Ok(entry)
    }

    /// What the log holds, after its last entry.
    #[must_use]
    pub fn finish(self) -> ChainSummary {
        self.summary
    }

    fn check_place(&self, entry: &Entry) -> Result<(), ChainError> {
        if entry.collab_id != self.collab_id {
            return Err(ChainError::OtherCollaboration);
        }
        if entry.seq != self.summary.entries {
            let expected = self.summary.entries;
            return Err(ChainError::Sequence {
                expected,
                found: entry.seq,
            });
        }
        if entry.previous != self.head {
            return Err(ChainError::Previous);
        }
        Ok(())
    }

    fn check_nodes(&self, mut nodes: [NodeId; 2]) -> Result<(), ChainError> {
        nodes.sort_unstable();
        let [first, second] = &self.members;
        if nodes == [first.node_id, second.node_id] {
            Ok(())
        } else {
            Err(ChainError::OtherNodes)
        }
    }

    fn check_body(&mut self, entry: &Entry) -> Result<(), ChainError> {
        match &entry.body {
            Body::Opened { spec, .. } => {
                let spec = JobSpec::decode(spec).map_err(ChainError::Malformed)?;
                self.check_nodes([spec.requester.node_id, spec.responder.node_id])?;
                if self.jobs.insert(spec.job_id(), true).is_some() {
                    return Err(ChainError::Reopened);
                }
                self.summary.opened += 1;
            }
            Body::Closed { job_id, status, .. } => {
                match self.jobs.get_mut(job_id) {
                    Some(open) if *open => *open = false,
                    _ => return Err(ChainError::NotOpen),
                }
                match status {
                    super::ClosedStatus::Completed => self.summary.completed += 1,
                    super::ClosedStatus::Aborted => self.summary.aborted += 1,
                }
            }
            Body::Statement { node_id, .. } => {
                if self.members.iter().all(|member| member.node_id != *node_id) {
                    return Err(ChainError::OtherNodes);
                }
            }
            Body::Refused {
                requester,
                responder,
                ..
            } => {
                self.check_nodes([*requester, *responder])?;
                self.summary.refused += 1;
            }
        }
        Ok(())
    }
}
