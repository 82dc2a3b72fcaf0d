//! `psi-node audit`: logs and records for an auditor, and the checks of both.
//!
//! `export`, `verify` and `show` are those of [`super::receipts`], under the name that an auditor
//! looks for; `list` and `replay` are about the records of Spec 07 §11.

mod replay;

use clap::Subcommand;
use serde_json::json;

pub use replay::ReplayArgs;

use super::Common;
use super::output::{self, Format, Table};
use super::receipts::{self, ExportArgs, ReceiptsCommand, ShowArgs, VerifyArgs};
use crate::error::UserError;
use crate::exit::Exit;
use crate::state::{AuditRecord, StoredPolicy};

/// The commands of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Write a collaboration's log to a file that others can verify
    #[command(after_help = "Example:\n  psi-node audit export --collab summer -o summer.jsonl")]
    Export(ExportArgs),
    /// Verify an exported log; needs no node, no data and no network
    #[command(after_help = "Example:\n  psi-node audit verify summer.jsonl")]
    Verify(VerifyArgs),
    /// Show one entry of a log in full
    #[command(after_help = "Example:\n  psi-node audit show 0")]
    Show(ShowArgs),
    /// List the records that this node keeps for its auditor, and their bytes
    #[command(after_help = "Example:\n  psi-node audit list")]
    List(Common),
    /// List the policies under which this node agreed to jobs, with the salts of their digests
    #[command(after_help = "Example:\n  psi-node audit policies")]
    Policies(Common),
    /// Run this node's half of a job again from its record, and compare it with the receipt
    #[command(after_help = "Example:\n  psi-node audit replay 3f2a --identity auditor.key")]
    Replay(ReplayArgs),
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] by command.
pub fn run(command: AuditCommand) -> Result<Exit, UserError> {
    match command {
        AuditCommand::Export(args) => receipts::run(ReceiptsCommand::Export(args)),
        AuditCommand::Verify(args) => receipts::run(ReceiptsCommand::Verify(args)),
        AuditCommand::Show(args) => receipts::run(ReceiptsCommand::Show(args)),
        AuditCommand::List(args) => list(&args),
        AuditCommand::Policies(args) => policies(&args),
        AuditCommand::Replay(args) => replay::run(&args),
    }
}

fn list(args: &Common) -> Result<Exit, UserError> {
    let records = args.config.state()?.audit_records()?;
    if args.format == Format::Json {
        let line = |record: &AuditRecord| {
            json!({
                "job_id": hex::encode(record.job_id),
                "created_unix": record.created_unix,
                "expires_unix": record.expires_unix,
                "complete": record.complete,
                "input_bytes": record.input_bytes,
                "received_bytes": record.received_bytes,
                "file_bytes": record.file_bytes,
            })
        };
        output::print_json(&records.iter().map(line).collect::<Vec<_>>())?;
        return Ok(Exit::Released);
    }
    let mut table = Table::new(&["JOB", "CREATED", "EXPIRES", "INPUT", "RECEIVED", "FILE"]);
    for record in &records {
        let job: String = hex::encode(record.job_id).chars().take(16).collect();
        let file = if record.complete {
            record.file_bytes.to_string()
        } else {
            "running".into()
        };
        table.row([
            job.as_str(),
            &output::utc(record.created_unix),
            &output::utc(record.expires_unix),
            &record.input_bytes.to_string(),
            &record.received_bytes.to_string(),
            &file,
        ]);
    }
    output::print(&table.render())?;
    Ok(Exit::Released)
}

fn policies(args: &Common) -> Result<Exit, UserError> {
    let policies = args.config.state()?.policies()?;
    if args.format == Format::Json {
        let line = |policy: &StoredPolicy| {
            json!({
                "digest": hex::encode(policy.digest),
                "salt": hex::encode(policy.salt),
                "text": policy.text,
                "first_unix": policy.first_unix,
            })
        };
        output::print_json(&policies.iter().map(line).collect::<Vec<_>>())?;
        return Ok(Exit::Released);
    }
    let mut table = Table::new(&["DIGEST", "FIRST USED", "SALT", "TEXT"]);
    for policy in &policies {
        let digest: String = hex::encode(policy.digest).chars().take(16).collect();
        table.row([
            digest.as_str(),
            &output::utc(policy.first_unix),
            &hex::encode(policy.salt),
            &policy.text,
        ]);
    }
    output::print(&table.render())?;
    Ok(Exit::Released)
}
