//! An owner who takes no part in a collaboration any more, for now or for good: at once and alone.
//!
//! Spec 09 §5. The state says so first, then nobody of it is admitted, its jobs end as `cancelled` and
//! its connections are closed. Nothing is written on the shared log, which would need the peer: what
//! both have signed is completed when the owner resumes. Called by the local API.

use std::sync::Arc;

use psi_core::Code;

use super::context::JobContext;
use super::log::settlements::{self, Reason};
use super::membership;
use crate::collab::Collaboration;
use crate::state::{CollabStanding, StateError};

/// Changes the standing of a collaboration, and does what follows.
///
/// # Errors
/// [`StateError::CollabLeft`] if the owner left it before; [`StateError::Database`].
pub fn change(
    ctx: &Arc<JobContext>,
    collab: &Collaboration,
    standing: CollabStanding,
) -> Result<(), StateError> {
    let before = ctx
        .state
        .collab_set_standing(&collab.id(), standing, &ctx.key)?;
    tracing::info!(
        collab = collab.name(),
        standing = standing.as_str(),
        "the owner changed whether this node takes part"
    );
    let mut gone = membership::admit(ctx);
    if standing == CollabStanding::InForce {
        if before != standing {
            settlements::in_background(ctx, collab.clone(), Reason::SomethingOpen);
        }
        return Ok(());
    }
    ctx.registry.cancel_of(&collab.id());
    // Another collaboration with the same member goes on.
    let peer = collab.peer_of(&ctx.key.id());
    gone.extend(
        peer.filter(|peer| !ctx.known.is_member(&peer.id))
            .map(|peer| peer.id),
    );
    for peer in gone {
        ctx.endpoint.close_peer(&peer, Code::Cancelled);
    }
    Ok(())
}
