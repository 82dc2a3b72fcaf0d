//! The end of a job that was requested here, as reported to everybody who waits for it.

use serde::{Deserialize, Serialize};

use super::document::ResultDocument;
use crate::exit::Exit;
use crate::state::JobState;

/// How a job that was requested here ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// What the command that waits for the job exits with.
    pub exit: u8,
    /// The stable name of that exit code.
    pub exit_name: String,
    /// The result document.
    pub document: ResultDocument,
}

impl Ended {
    /// An end with this exit code.
    #[must_use]
    pub fn new(exit: Exit, document: ResultDocument) -> Self {
        Self {
            exit: exit.number(),
            exit_name: exit.as_str().into(),
            document,
        }
    }
}

/// What a command exits with whose job ran to its end in this state.
pub(in crate::job) const fn exit_of(state: JobState) -> Exit {
    match state {
        JobState::Suppressed => Exit::Suppressed,
        _ => Exit::Released,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suppressed_answer_has_an_exit_code_of_its_own_and_a_completed_job_none() {
        assert_eq!(exit_of(JobState::Suppressed), Exit::Suppressed);
        assert_eq!(exit_of(JobState::Released), Exit::Released);
        assert_eq!(exit_of(JobState::Completed), Exit::Released);
        let ended = Ended::new(Exit::Suppressed, ResultDocument::new("exact"));
        assert_eq!((ended.exit, ended.exit_name.as_str()), (3, "suppressed"));
    }
}
