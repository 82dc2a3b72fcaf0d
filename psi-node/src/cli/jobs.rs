//! `psi-node jobs`: what this node was asked and asked itself.

use std::borrow::Cow;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::candidates;
use super::output::{self, Format, Table, shortened};
use super::{Common, NewestArgs};
use crate::api::types::JobRef;
use crate::error::UserError;
use crate::exit::Exit;
use crate::state::{JobRole, StoredJob};
use crate::threads::block_on;

/// The commands of `jobs`.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// List jobs, the newest first
    #[command(after_help = "Example:\n  psi-node jobs list --limit 10")]
    List(NewestArgs),
    /// Show one job
    #[command(after_help = "Example:\n  psi-node jobs show 3f2a")]
    Show(JobArgs),
    /// Cancel a running job; needs the daemon
    #[command(after_help = "Example:\n  psi-node jobs cancel 3f2a")]
    Cancel(JobArgs),
}

/// Arguments of `jobs show` and `jobs cancel`.
#[derive(Debug, Args)]
pub struct JobArgs {
    /// The job: its name, local id or job id, or the first digits of one of these
    #[arg(value_name = "JOB", add = candidates::jobs())]
    pub job: String,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] by command.
pub fn run(command: JobsCommand) -> Result<Exit, UserError> {
    match command {
        JobsCommand::List(args) => list(&args),
        JobsCommand::Show(args) => show(&args),
        JobsCommand::Cancel(args) => cancel(&args),
    }
}

fn list(args: &NewestArgs) -> Result<Exit, UserError> {
    let jobs = args.common.config.state_to_read()?.jobs(args.limit)?;
    match args.common.format {
        Format::Json => output::print_json(&jobs.iter().map(document).collect::<Vec<_>>())?,
        Format::Table => {
            let mut table = Table::new(&[
                "JOB", "STARTED", "COLLAB", "ROLE", "STATE", "REASON", "QUERY",
            ]);
            for job in &jobs {
                table.row([
                    &job.name(),
                    &output::utc(job.created_unix),
                    &job.collab,
                    job.role.as_str(),
                    job.state.as_str(),
                    job.reason.as_deref().unwrap_or("-"),
                    &shortened(&query(job)),
                ]);
            }
            output::print(&table.render())?;
        }
    }
    Ok(Exit::Released)
}

fn show(args: &JobArgs) -> Result<Exit, UserError> {
    let job = args.common.config.state_to_read()?.job(&args.job)?;
    match args.common.format {
        Format::Json => output::print_json(&document(&job))?,
        Format::Table => {
            let mut table = Table::new(&["JOB", &job.name()]);
            table.row(["local id", &job.id]);
            table.row([
                "job id",
                &job.job_id.map_or_else(|| "-".into(), hex::encode),
            ]);
            table.row(["collaboration", &job.collab]);
            table.row(["role", job.role.as_str()]);
            table.row(["state", job.state.as_str()]);
            table.row(["started", &output::utc(job.created_unix)]);
            table.row([
                "ended",
                &job.finished_unix.map_or_else(|| "-".into(), output::utc),
            ]);
            table.row(["query", &query(&job)]);
            for (name, value) in [("reason", &job.reason), ("detail", &job.detail)] {
                if let Some(value) = value {
                    table.row([name, value]);
                }
            }
            if let Some(rows) = result_of(&job).get("rows") {
                table.row(["rows", &rows.to_string()]);
            }
            output::print(&table.render())?;
        }
    }
    Ok(Exit::Released)
}

/// Only the daemon knows what runs, so the request goes through its local API.
fn cancel(args: &JobArgs) -> Result<Exit, UserError> {
    let client = args.common.config.client()?;
    let JobRef { id, name } = block_on(client.cancel(&args.job))?;
    match args.common.format {
        Format::Json => {
            output::print_json(&json!({"id": id, "name": name, "cancelling": true}))?;
        }
        Format::Table => output::print(&format!(
            "Cancelling job {name}; `psi-node jobs show {name}` shows how it ended.\n"
        ))?,
    }
    Ok(Exit::Released)
}

/// The query in one line: this node's own as its analyst wrote it, except for line ends; the peer's
/// exactly.
fn query(job: &StoredJob) -> Cow<'_, str> {
    match job.role {
        JobRole::Requester => {
            let words = job.query.split_ascii_whitespace();
            Cow::Owned(words.collect::<Vec<_>>().join(" "))
        }
        JobRole::Responder => Cow::Borrowed(&job.query),
    }
}

fn document(job: &StoredJob) -> Value {
    json!({
        "id": job.id,
        "name": job.name(),
        "job_id": job.job_id.map(hex::encode),
        "collab": job.collab,
        "collab_id": hex::encode(job.collab_id),
        "role": job.role.as_str(),
        "state": job.state.as_str(),
        "query": job.query,
        "reason": job.reason,
        "detail": job.detail,
        "result": result_of(job),
        "created_unix": job.created_unix,
        "finished_unix": job.finished_unix,
    })
}

fn result_of(job: &StoredJob) -> Value {
    let result = job.result.as_deref().map(serde_json::from_str);
    result.and_then(Result::ok).unwrap_or(Value::Null)
}
