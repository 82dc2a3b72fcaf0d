//! `psi-node approvals`: questions that wait for this node's owner, and the owner's decisions.
//!
//! All of it goes through the daemon, which signs each decision into the node's own log.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::output::{self, Format, Table, counted, shortened};
use super::{Common, NewestArgs};
use crate::api::types::{ApprovalInfo, Decision};
use crate::error::UserError;
use crate::exit::Exit;
use crate::threads::block_on;

/// The commands of `approvals`.
#[derive(Debug, Subcommand)]
pub enum ApprovalsCommand {
    /// List questions about tables with `approval = "manual"`; those that wait come first
    #[command(after_help = "Example:\n  psi-node approvals list")]
    List(NewestArgs),
    /// Show one question: who asks, what, under which rules
    #[command(after_help = "Example:\n  psi-node approvals show 3f2a")]
    Show(RequestArgs),
    /// Allow one run of the question
    #[command(after_help = "Example:\n  psi-node approvals approve 3f2a")]
    Approve(RequestArgs),
    /// Refuse the question until the refusal expires
    #[command(after_help = "Example:\n  psi-node approvals deny 3f2a --reason \"not this week\"")]
    Deny(DenyArgs),
}

/// Arguments of `approvals show` and `approvals approve`.
#[derive(Debug, Args)]
pub struct RequestArgs {
    /// The request, or the first digits of its id
    #[arg(value_name = "ID")]
    pub id: String,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

/// Arguments of `approvals deny`.
#[derive(Debug, Args)]
pub struct DenyArgs {
    /// The request.
    #[command(flatten)]
    pub request: RequestArgs,
    /// Why, for this node's own log; the other member is not told
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] by command.
pub fn run(command: ApprovalsCommand) -> Result<Exit, UserError> {
    block_on(async {
        match command {
            ApprovalsCommand::List(args) => list(&args).await,
            ApprovalsCommand::Show(args) => {
                let request = args.common.config.client()?.approval(&args.id).await?;
                print(&request, args.common.format, "")
            }
            ApprovalsCommand::Approve(args) => {
                let client = args.common.config.client()?;
                let request = client.decide(&args.id, &Decision::Approve).await?;
                let note = "Approved for one run, which takes place when the question is asked \
                            again.\n";
                print(&request, args.common.format, note)
            }
            ApprovalsCommand::Deny(DenyArgs {
                request: args,
                reason,
            }) => {
                let client = args.common.config.client()?;
                let request = client.decide(&args.id, &Decision::Deny { reason }).await?;
                print(&request, args.common.format, "Denied.\n")
            }
        }
    })?;
    Ok(Exit::Released)
}

async fn list(args: &NewestArgs) -> Result<(), UserError> {
    let requests = args
        .common
        .config
        .client()?
        .approvals(args.limit)
        .await?
        .approvals;
    if args.common.format == Format::Json {
        return output::print_json(&requests);
    }
    let mut table = Table::new(&[
        "ID", "STATE", "ASKED", "EXPIRES", "COLLAB", "MEMBER", "TABLE", "QUERY",
    ]);
    for request in &requests {
        table.row([
            &request.id,
            &request.state,
            &output::utc(request.requested_unix),
            &output::utc(request.expires_unix),
            &request.collab,
            &request.asker,
            &request.table,
            &shortened(&request.query),
        ]);
    }
    output::print(&table.render())
}

fn print(request: &ApprovalInfo, format: Format, note: &str) -> Result<(), UserError> {
    match format {
        Format::Json => output::print_json(request),
        Format::Table => output::print(&(render(request) + note)),
    }
}

fn render(request: &ApprovalInfo) -> String {
    let mut table = Table::new(&["REQUEST", &request.id]);
    table.row(["state", &request.state]);
    table.row(["member that asks", &request.asker]);
    table.row(["collaboration", &request.collab]);
    table.row(["table", &request.table]);
    table.row(["query", &request.query]);
    let number = |of: &Value, field: &str| of.get(field).and_then(Value::as_u64);
    let hidden = number(&request.sizes, "hidden_literals").unwrap_or(0);
    if hidden > 0 {
        table.row([
            "hidden literals",
            &format!("{hidden}; an approval holds whatever they are"),
        ]);
    }
    table.row(["result for", &request.recipients]);
    for (name, field) in [
        ("identities here", "own_identities"),
        ("minimum here", "own_minimum"),
        ("minimum", "minimum"),
    ] {
        if let Some(number) = number(&request.sizes, field) {
            table.row([name, &number.to_string()]);
        }
    }
    let matches = request.sizes.get("matches").and_then(Value::as_array);
    for one in matches.into_iter().flatten() {
        let size = |field: &str, of: &str, several: &str| {
            counted(number(one, field).unwrap_or(0), of, several)
        };
        let sizes = format!(
            "Receiver ({}) sends {} in {}, Sender {}",
            one.get("receiver").and_then(Value::as_str).unwrap_or("?"),
            size("receiver_size", "point", "points"),
            size("parts", "part", "parts"),
            size("sender_size", "tag", "tags")
        );
        table.row(["match", &sizes]);
    }
    table.row(["allowed by", &request.rules.join(", ")]);
    table.row(["asked first", &output::utc(request.requested_unix)]);
    table.row(["asked", &counted(request.asked, "time", "times")]);
    if let Some(decided) = request.decided_unix {
        table.row(["decided", &output::utc(decided)]);
    }
    table.row(["expires", &output::utc(request.expires_unix)]);
    for (name, value) in [("reason", &request.reason), ("job id", &request.job_id)] {
        if let Some(value) = value {
            table.row([name, value]);
        }
    }
    table.render()
}
