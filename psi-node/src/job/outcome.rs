//! What a job came to on this side, and what is shown of it.
//!
//! An `Outcome` is made before the job is closed, so that cells that are not those of the job end it
//! instead of standing on a receipt as completed; it is shown in the [`document::ResultDocument`]
//! afterwards, by both sides in the same way. Called by the run of a job and by both of its sides.

pub mod answer_file;
pub mod document;
mod ended;
pub mod matrix;
pub mod privacy;
pub(in crate::job) mod rows;
pub(in crate::job) mod stopwatch;
mod value;

use aggregator::OutputPlan;
use psi_core::session::opened::Opened;
use psi_core::spec::JobSpec;

pub use self::ended::Ended;
pub(in crate::job) use self::ended::exit_of;
pub use self::value::OTHER;

use self::answer_file::{Matched, Writer};
use self::document::ResultDocument;
use self::rows::Rows;
use crate::job::failure::Failure;
use crate::state::JobState;

/// What a completed job came to on this side.
pub(in crate::job) enum Outcome {
    /// As a recipient: the rows of the answer.
    Rows(Rows),
    /// As the requester of a list: who matches, and the file that it is written to.
    List(Matched),
    /// Not a recipient.
    Nothing,
}

impl Outcome {
    /// What follows from what this side `opened`, or from its `list`.
    ///
    /// # Errors
    /// [`Failure::Protocol`] if cells are not those of the job.
    pub(in crate::job) fn of(
        output: &OutputPlan,
        spec: &JobSpec,
        opened: Option<&Opened>,
        list: Option<Matched>,
    ) -> Result<Self, Failure> {
        match (opened, list) {
            (_, Some(list)) => Ok(Self::List(list)),
            (Some(opened), None) => Ok(Self::Rows(Rows::new(output, spec, opened)?)),
            (None, None) => Ok(Self::Nothing),
        }
    }

    /// Puts the outcome into the document, writes the file of a list, and says how the job ended.
    ///
    /// # Errors
    /// [`Failure::Result`] if an output is too large; [`Failure::NotWritten`], [`Failure::OwnData`]
    /// if a list could not be written. The job stays completed on the receipts.
    pub(in crate::job) async fn show(
        self,
        writer: Writer,
        document: &mut ResultDocument,
    ) -> Result<JobState, Failure> {
        match self {
            Self::Rows(rows) => rows.show(document),
            Self::List(matched) => matched.write(writer, document).await,
            Self::Nothing => Ok(JobState::Completed),
        }
    }
}

#[cfg(test)]
mod tests;
