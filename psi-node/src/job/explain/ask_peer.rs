//! Asking the other node for its facts (Spec 06 §3.1), with an inquiry in place of a proposal.

use psi_core::Code;
use psi_core::facts::TableFacts;
use psi_core::messages::{Control, Proposal};

use crate::collab::{Collaboration, Member};
use crate::job::context::JobContext;
use crate::job::deadlines::within;
use crate::job::failure::Failure;
use crate::job::introduce::introduce;
use crate::job::link::{Link, unexpected};

/// What the other node said.
pub(super) struct Answer {
    /// The facts of its table.
    pub(super) facts: TableFacts,
    /// Whether its owner approves each run.
    pub(super) approval: bool,
}

/// Asks `peer` what `inquiry` would be.
///
/// # Errors
/// [`Failure::PeerRefusal`] with the code that a proposal would get; [`Failure::Connect`].
pub(super) async fn ask(
    ctx: &JobContext,
    peer: &Member,
    collab: &Collaboration,
    inquiry: &Proposal,
) -> Result<Answer, Failure> {
    let conn = ctx.connect(peer, collab).await?;
    let asking = async || {
        let mut link = Link::new(conn.open_stream().await?);
        let answer = within(ctx.deadlines().answer(), async {
            link.send(&Control::Inquire(inquiry.clone())).await?;
            link.control().await
        });
        match answer.await? {
            Control::Facts { facts, approval } => Ok(Answer { facts, approval }),
            Control::Refuse { code, .. } => Err(Failure::PeerRefusal(code)),
            _ => Err(unexpected("something else than an answer to an inquiry")),
        }
    };
    let mut answer: Result<_, Failure> = asking().await;
    if matches!(
        answer,
        Err(Failure::PeerRefusal(Code::UnknownCollaboration))
    ) {
        answer = match introduce(ctx, &conn, collab, peer).await {
            Ok(()) => asking().await,
            Err(failure) => Err(failure),
        };
    }
    conn.close(Code::Interrupted);
    answer
}
