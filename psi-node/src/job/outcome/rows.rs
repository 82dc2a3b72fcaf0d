//! What a recipient makes of the opened cells of a job: the rows of its result.
//!
//! Spec 10 §3.5. Made before the closing entry is signed, so that cells that are not those of the
//! job end it instead of standing on a receipt as completed. Called by the job runner of either
//! side.

use aggregator::{ColumnNoise, OutputPlan, ResultError, ResultTable};
use psi_core::session::opened::Opened;
use psi_core::spec::JobSpec;

use super::document::ResultDocument;
use super::privacy;
use crate::job::failure::Failure;
use crate::state::JobState;

/// The rows of a job of which this side is a recipient.
pub(in crate::job) struct Rows {
    /// An output that is too large does not undo the job: it stays completed, without rows here.
    table: Result<ResultTable, ResultError>,
    noise: Vec<ColumnNoise>,
    grouped: bool,
}

impl Rows {
    /// The rows that follow from what was `opened`.
    ///
    /// # Errors
    /// [`Failure::Protocol`] if cells are not those of the job.
    pub(super) fn new(
        output: &OutputPlan,
        spec: &JobSpec,
        opened: &Opened,
    ) -> Result<Self, Failure> {
        let table = match output.rows(spec, &opened.matches) {
            Err(ResultError::Core(error)) => return Err(error.into()),
            other => other,
        };
        let shape = &spec.shape;
        Ok(Self {
            table,
            noise: output.noise(spec)?,
            grouped: shape.requester.groups > 0 || shape.responder.groups > 0,
        })
    }

    /// Puts the rows into the document, and says how that counts.
    ///
    /// # Errors
    /// [`Failure::Result`] if an output is too large.
    pub(super) fn show(self, document: &mut ResultDocument) -> Result<JobState, Failure> {
        let table = self.table?;
        let ended = document.fill(&table, self.grouped);
        if let Some(privacy) = &mut document.privacy
            && !document.rows.is_empty()
        {
            privacy.intervals_95 = privacy::intervals(&self.noise, &table);
        }
        Ok(ended)
    }
}
