//! The job that follows from a proposal and the half that answers it.
//!
//! Spec 03 §3. Written once for all who ask: a requester that has an answer, a responder that has a
//! proposal, and what each of them would be without a job. Signs nothing, charges nothing.

use psi_core::Code;
use psi_core::messages::Proposal;
use psi_core::spec::{Agreement, Half, JobSpec, Party, Shape};

use super::sizes;
use crate::collab::{Collaboration, Member};
use crate::identity::NodeId;
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::link::violation;

/// What one side knows of a job beside the two halves.
pub(super) struct Terms<'a> {
    pub(super) collab: &'a Collaboration,
    /// This side of the job.
    pub(super) own: Party,
    /// The other member's node.
    pub(super) peer: NodeId,
    /// What the query asks for.
    pub(super) shape: &'a Shape,
    /// The table of the peer that the query names.
    pub(super) peer_table: &'a str,
    /// The columns of its key, in the order of the query.
    pub(super) peer_key_columns: &'a [String],
}

impl Terms<'_> {
    /// The peer's half must be its own, and about the table and the key that the query names.
    ///
    /// # Errors
    /// [`Failure::Protocol`] with [`Code::SpecMismatch`], or for facts beyond their bounds.
    pub(super) fn check_half(&self, half: &Half) -> Result<(), Failure> {
        half.facts.validate()?;
        let member = self.collab.member_by_id(&self.peer);
        let fits = half.node_id == self.peer
            && member.is_some_and(|member| member.name == half.facts.member)
            && half.facts.table == self.peer_table
            && half.facts.key_columns == self.peer_key_columns;
        if fits {
            Ok(())
        } else {
            Err(violation(
                Code::SpecMismatch,
                "the peer's half is about something else",
            ))
        }
    }

    /// The job of `proposal` and the responder's half, if this node serves its sizes. The peer's half
    /// has been checked.
    ///
    /// # Errors
    /// [`Failure::OwnRefusal`] if the halves do not fit together, or for a size.
    pub(super) fn job(
        &self,
        ctx: &JobContext,
        proposal: &Proposal,
        answer: Half,
    ) -> Result<JobSpec, Failure> {
        let spec = self.assemble(proposal, answer)?;
        sizes::check(ctx, &spec, self.own)?;
        Ok(spec)
    }

    fn assemble(&self, proposal: &Proposal, answer: Half) -> Result<JobSpec, Failure> {
        let requester = proposal.half.clone();
        JobSpec::assemble(self.agreement(proposal), requester, answer)
            .map_err(Failure::of_agreement)
    }

    /// What both sides know before roles and sizes follow from the halves.
    fn agreement(&self, proposal: &Proposal) -> Agreement {
        let asker = proposal.half.node_id;
        let may_receive = |member: Option<&Member>| member.is_some_and(|member| member.may_receive);
        Agreement {
            collab_id: self.collab.id(),
            revision: self.collab.revision_hash(),
            query: proposal.query.clone(),
            hidden: proposal.hidden.clone(),
            shape: self.shape.clone(),
            recipients: proposal.recipients,
            mode: proposal.mode,
            requester_may_receive: may_receive(self.collab.member_by_id(&asker)),
            responder_may_receive: may_receive(self.collab.peer_of(&asker)),
        }
    }
}

#[cfg(test)]
mod tests;
