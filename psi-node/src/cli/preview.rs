//! `psi-node policy preview`: what a question would cost in privacy and how far its answer would stray.
//!
//! The part of `explain --with-peer` that decides which epsilon to ask with. Nothing is spent and
//! no row is touched; the other node is asked for its facts, so it sees the question.

use std::fmt::Write as _;

use clap::Args;

use super::output::{self, Format, counted};
use super::query::say_privacy;
use super::question::QuestionArgs;
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::explain::JobOutline;
use crate::printable;

/// Arguments of `preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The question.
    #[command(flatten)]
    pub question: QuestionArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the question would be refused, or the other node is not there.
pub fn run(args: PreviewArgs) -> Result<Exit, UserError> {
    let explanation = args.question.explained(true)?;
    let Some(job) = explanation.job.filter(|job| job.privacy.is_some()) else {
        return Err(UserError::bad_input(
            format!(
                "`{}` is in mode `{}`: its answers carry no noise",
                explanation.collab, explanation.mode
            ),
            "see what the question would tell whom with `psi-node explain`",
        ));
    };
    match args.format {
        Format::Json => output::print_json(&job)?,
        Format::Table => output::print(&render(&job))?,
    }
    Ok(Exit::Released)
}

fn render(job: &JobOutline) -> String {
    let mut text = String::new();
    for one in &job.matches {
        // Writing into a String cannot fail, here and below.
        let _ = writeln!(
            text,
            "{} is Receiver and sends {} in {}, {} in each part; the Sender sends {}.",
            one.receiver,
            counted(one.receiver_size, "point", "points"),
            counted(one.parts, "part", "parts"),
            counted(one.dummies, "dummy", "dummies"),
            counted(one.sender_size, "tag", "tags")
        );
    }
    text + &noise(job)
}

/// What a job would cost, how far its numbers would stray, and what would be left, line by line.
pub(super) fn noise(job: &JobOutline) -> String {
    let mut text = String::new();
    for line in job.privacy.iter().flat_map(say_privacy) {
        let _ = writeln!(text, "{}", printable::line(&line));
    }
    let _ = writeln!(
        text,
        "a row is suppressed if its noisy number of identities is below {}",
        job.minimum
    );
    if let Some(budget) = &job.budget {
        let left = format!(
            "population {}: epsilon {} and delta {} are left",
            budget.population, budget.epsilon_left, budget.delta_left
        );
        let _ = match (&budget.epsilon_left_after, &budget.delta_left_after) {
            (Some(epsilon), Some(delta)) => {
                writeln!(text, "{left}, {epsilon} and {delta} after this")
            }
            _ => writeln!(text, "{left}, and this would be refused"),
        };
    }
    text
}
