//! `psi-node preview`: what a question would cost and how far its answer would stray.
//!
//! Nothing is spent and no row is touched; the peer's node is asked for its half, so it sees the
//! question.

use std::fmt::Write as _;

use clap::Args;

use super::ConfigArg;
use super::output::{self, Format};
use super::query::say_privacy;
use crate::api::client::Client;
use crate::api::types::{NewJob, ResultFor};
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::PreviewDocument;

/// Arguments of `preview`.
#[derive(Debug, Args)]
pub struct PreviewArgs {
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// The collaboration
    #[arg(long, value_name = "NAME")]
    pub collab: String,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// Who would get the result
    #[arg(long, value_enum, default_value_t, value_name = "WHO")]
    pub recipients: ResultFor,
    /// In mode dp: the epsilon that the answer may cost [default: as of `query`]
    #[arg(long, value_name = "NUMBER")]
    pub epsilon: Option<String>,
    /// In mode dp: the delta that the answer may cost [default: as of `query`]
    #[arg(long, value_name = "NUMBER")]
    pub delta: Option<String>,
    /// The question; a table is written member.table
    #[arg(value_name = "SQL")]
    pub sql: String,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] as if the question had been asked.
pub fn run(args: PreviewArgs) -> Result<Exit, UserError> {
    let config = args.config.load()?;
    let client = Client::new(&config.socket_path());
    let job = NewJob {
        collab: args.collab,
        sql: args.sql,
        recipients: args.recipients,
        epsilon: args.epsilon,
        delta: args.delta,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| UserError::machine("cannot start the runtime", e))?;
    let document = runtime.block_on(client.preview(&job))?;
    match args.format {
        Format::Json => output::print_json(&document)?,
        Format::Table => output::print(&render(&document))?,
    }
    Ok(Exit::Released)
}

/// A preview in words.
#[must_use]
pub fn render(document: &PreviewDocument) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let mut line = |line: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{line}");
    };
    line(format_args!(
        "The question, as the other node sees it: {}",
        document.query
    ));
    for (number, of) in (1..).zip(&document.matches) {
        let receiver = if of.own_receives {
            "this node"
        } else {
            "the other node"
        };
        line(format_args!(
            "Match {number}: {receiver} is Receiver; {} points in {} part(s), {} tags{}",
            of.receiver_size,
            of.parts,
            of.sender_size,
            if document.privacy.is_some() {
                format!("; {} dummies in each part", of.dummies)
            } else {
                String::new()
            }
        ));
    }
    let Some(privacy) = &document.privacy else {
        line(format_args!(
            "Mode exact: numbers are exact, and rows of fewer than {} identities suppressed.",
            document.minimum
        ));
        return text;
    };
    line(format_args!(
        "Mode dp: rows with a noisy number of fewer than {} identities are suppressed.",
        document.minimum
    ));
    for said in say_privacy(privacy) {
        line(format_args!("{said}"));
    }
    match &document.budget {
        None => {}
        Some(budget) => match (&budget.epsilon_left_after, &budget.delta_left_after) {
            (Some(epsilon), Some(delta)) => line(format_args!(
                "Population {}: epsilon {} and delta {} are left, {epsilon} and {delta} after this",
                budget.population, budget.epsilon_left, budget.delta_left
            )),
            _ => line(format_args!(
                "Population {}: epsilon {} and delta {} are left, which is too little for this",
                budget.population, budget.epsilon_left, budget.delta_left
            )),
        },
    }
    text
}
