//! A job that both sides have signed: what the two ways of negotiating hand to the run.

use std::sync::Arc;
use std::time::Instant;

use aggregator::{HiddenLiteral, OutputPlan, SidePlan};
use psi_core::receipt::Signature;
use psi_core::seed::JobSeed;
use psi_core::spec::{JobSpec, Party};

use super::account::Reservation;
use crate::audit::room::AuditPlace;
use crate::collab::Collaboration;
use crate::identity::NodeId;
use crate::job::outcome::answer_file::Place;

/// A job that both sides have signed.
pub(in crate::job) struct Agreed {
    /// When this side knew.
    pub(in crate::job) since: Instant,
    /// Room for the record of the job, if this node keeps records.
    pub(in crate::job) _record: Option<AuditPlace>,
    pub(in crate::job) collab: Collaboration,
    pub(in crate::job) peer: NodeId,
    pub(in crate::job) spec: JobSpec,
    /// The requester's and the responder's signature over the job.
    pub(in crate::job) agreements: [Signature; 2],
    pub(in crate::job) own: Party,
    /// How this node's rows are read.
    pub(in crate::job) side: SidePlan,
    /// How rows are made of opened cells.
    pub(in crate::job) output: OutputPlan,
    /// As requester of a list: the file that it is written to.
    pub(in crate::job) file: Option<Place>,
    pub(in crate::job) seed: Arc<JobSeed>,
    /// What the job costs, until it is known whether that stays.
    pub(in crate::job) reservation: Reservation,
    /// As requester: the literals that the peer knows commitments to.
    pub(in crate::job) literals: Vec<HiddenLiteral>,
}
