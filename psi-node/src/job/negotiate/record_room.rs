//! Room for the record of a job, before the job is agreed to.
//!
//! Spec 07 §11 and Spec 09 §4. Called by both sides once the sizes are known.

use aggregator::Refusal;
use psi_core::Code;
use psi_core::spec::{JobSpec, Party};

use crate::audit::room::AuditPlace;
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::places::Whose;

/// Reserves room for the record of a job in which this side is `own`; none if this node keeps no
/// records.
///
/// # Errors
/// [`Failure::OwnRefusal`] if the records have no room left; [`Failure::OwnData`] if the disk has
/// none.
pub(in crate::job) fn reserve(
    ctx: &JobContext,
    whose: Whose,
    spec: &JobSpec,
    own: Party,
) -> Result<Option<AuditPlace>, Failure> {
    let place = ctx
        .audit_room
        .reserve(&ctx.state, &ctx.config, whose, spec, own)?;
    let place = place.map_err(|no_room| {
        Failure::OwnRefusal(Refusal {
            code: Code::Unavailable,
            rule: "audit_limit".into(),
            sentence: format!(
                "the record for the auditor could take {} bytes, and {} of its share of {} are taken",
                no_room.wanted, no_room.taken, no_room.limit
            ),
            remedy: "raise `audit_limit`, or keep records for a shorter time".into(),
        })
    })?;
    if let Some(place) = &place {
        // Records leave the state its part of the disk, as lists do.
        ctx.lists.check_disk(place.bytes).map_err(|error| {
            Failure::OwnData(format!(
                "there is no room for a record for the auditor: {error}"
            ))
        })?;
    }
    Ok(place)
}
