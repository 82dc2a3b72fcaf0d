//! Which entries a follower takes in a settlement although it never signed them.
//!
//! Spec 06 §4, "Align". Called by the settlement, for the one entry that the sequencer stored and
//! whose sending failed. An entry about a job must be the one that this node would have signed in
//! the job itself; what it would have signed is in the state ([`crate::state::AwaitedJob`]), so
//! that holds after a crash as well.

use psi_core::receipt::{Body, ClosedStatus, agreement_text, signature_holds};
use psi_core::spec::{JobSpec, Party};

use super::charge;
use crate::collab::CollabId;
use crate::state::{OwnClosing, OwnOpening, State, StateError};

/// The log's follower, and what its owner wants recorded.
pub(super) struct Follower<'a> {
    pub(super) state: &'a State,
    pub(super) collab_id: CollabId,
    pub(super) own: [u8; 32],
    pub(super) peer: [u8; 32],
    /// What the own owner wants recorded. Such an owner's state was restored from an older copy, so
    /// what this node would have signed may be lost with the rest.
    pub(super) statement: Option<&'a str>,
}

impl Follower<'_> {
    /// Whether an honest sequencer can hold this entry.
    pub(super) fn takes(&self, body: &Body) -> Result<bool, StateError> {
        match body {
            Body::Opened { .. } => self.takes_opening(body),
            Body::Closed {
                job_id,
                status,
                output_commitment,
                transcripts,
                ..
            } => {
                let open = self.state.open_jobs(&self.collab_id)?.contains(job_id);
                if *status == ClosedStatus::Aborted || self.statement.is_some() {
                    return Ok(open);
                }
                let found = self.state.awaited_job(job_id)?.and_then(|job| job.closing);
                Ok(open
                    && found.is_some_and(|found| {
                        let OwnClosing {
                            output_commitment: output,
                            transcripts: both,
                        } = found;
                        *output_commitment == Some(output) && *transcripts == Some(both)
                    }))
            }
            Body::Statement { node_id, text } if *node_id == self.own => {
                Ok(self.statement == Some(text.as_str()))
            }
            Body::Statement { node_id, .. } => Ok(*node_id == self.peer),
            Body::Refused {
                requester,
                responder,
                query,
                code,
            } => Ok(self.are_members([*requester, *responder])
                && (self.statement.is_some()
                    || self
                        .state
                        .awaits_refusal(&self.collab_id, requester, query, *code)?)),
        }
    }

    fn takes_opening(&self, body: &Body) -> Result<bool, StateError> {
        let Body::Opened {
            spec,
            agreements,
            commitments,
            policies,
            charges,
        } = body
        else {
            return Ok(false);
        };
        let Ok(spec) = JobSpec::decode(spec) else {
            return Ok(false);
        };
        let nodes = [spec.requester.node_id, spec.responder.node_id];
        let text = agreement_text(&spec.job_id());
        let mut signed = nodes.iter().zip(agreements);
        let follows = self.are_members(nodes)
            && signed.all(|(node, signature)| signature_holds(node, &text, signature))
            && *charges == [Party::Requester, Party::Responder].map(|of| charge::amount(&spec, of));
        if !follows || self.statement.is_some() {
            return Ok(follows);
        }
        let own = usize::from(spec.responder.node_id == self.own);
        let opening = OwnOpening {
            commitment: commitments[own],
            policy: policies[own],
        };
        let job_id = spec.job_id();
        let sent = self.state.awaited_job(&job_id)?.map(|job| job.opening) == Some(opening);
        // Not once it is there, nor once the sequencer has said that it will not come.
        let awaited = self.state.awaited_openings(&self.collab_id)?;
        Ok(sent && awaited.contains(&job_id))
    }

    fn are_members(&self, nodes: [[u8; 32]; 2]) -> bool {
        nodes == [self.own, self.peer] || nodes == [self.peer, self.own]
    }
}

#[cfg(test)]
mod tests;
