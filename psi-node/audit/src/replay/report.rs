//! What a replay compares with, and what it comes to.
//!
//! Spec 07 §12. Made by [`super`], printed by the command line; the JSON fields are documented in
//! `docs/operating/audit.md`.

use psi_core::receipt::{Body, Commitment, OutputCommitment};
use psi_core::transcript::Transcripts;
use serde::Serialize;

/// What the receipt says of a job.
#[derive(Clone, Debug)]
pub struct JobReceipt {
    /// The encoded specification.
    pub spec: Vec<u8>,
    /// The requester's and the responder's opening commitment.
    pub commitments: [Commitment; 2],
    /// Transcripts and output commitment, if the job completed.
    pub completed: Option<(Transcripts, OutputCommitment)>,
}

impl JobReceipt {
    /// From an opened entry, and the closed one if there is one.
    #[must_use]
    pub fn of(opened: &Body, closed: Option<&Body>) -> Option<Self> {
        let Body::Opened {
            spec, commitments, ..
        } = opened
        else {
            return None;
        };
        let completed = match closed {
            Some(Body::Closed {
                output_commitment: Some(output),
                transcripts: Some(transcripts),
                ..
            }) => Some((*transcripts, *output)),
            _ => None,
        };
        Some(Self {
            spec: spec.clone(),
            commitments: *commitments,
            completed,
        })
    }
}

/// What a replay came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// This side did what its seed and its input call for.
    Verified,
    /// It did not, or the record is not that of this job.
    Deviates,
    /// Seed and input are those of the receipt, and the job was aborted: the receipt holds nothing
    /// else to compare with.
    NotCompleted,
}

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub check: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// Where it does not, or what is known about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// What was checked, and what came out.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The side: `requester` or `responder`.
    pub side: &'static str,
    /// What came out.
    pub verdict: Verdict,
    /// In the order in which they were made.
    pub checks: Vec<Check>,
}

impl Report {
    pub(super) fn note(
        &mut self,
        check: &'static str,
        holds: bool,
        place: impl FnOnce() -> Option<String>,
    ) -> bool {
        let place = if holds { None } else { place() };
        self.checks.push(Check {
            check,
            holds,
            place,
        });
        holds
    }
}
