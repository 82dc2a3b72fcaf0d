//! `psi-node audit`: logs and records for an auditor, and the checks of both.
//!
//! `export`, `verify` and `show` are those of [`super::receipts`], under the name that an auditor
//! looks for; `list` and `replay` are about the records of Spec 07 §11.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use psi_core::kernel::{self, Choice};
use psi_core::progress::Silent;
use psi_core::receipt::{Entry, signature_holds, signing_text};
use psi_core::session::Tools;
use serde_json::{Value, json};

use super::ConfigArg;
use super::output::{self, Format, Table};
use super::receipts::{self, ExportArgs, ReceiptsCommand, ShowArgs, VerifyArgs};
use crate::audit::keep::record_path;
use crate::audit::replay::{JobReceipt, Report, Verdict, replay};
use crate::audit::seal::AuditorKeys;
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::exit::Exit;
use crate::lists::{self, Lists};
use crate::state::{AuditRecord, State, StateError, StoredEntry, StoredPolicy};

/// The commands of `audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Write a collaboration's log to a file that others can verify
    Export(ExportArgs),
    /// Verify an exported log; needs no node, no data and no network
    Verify(VerifyArgs),
    /// Show one entry of a log in full
    Show(ShowArgs),
    /// List the records that this node keeps for its auditor, and their bytes
    List(ListArgs),
    /// List the policies under which this node agreed to jobs, with the salts of their digests
    Policies(ListArgs),
    /// Run this node's half of a job again from its record, and compare it with the receipt
    Replay(ReplayArgs),
}

/// Arguments of `audit list` and `audit policies`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Arguments of `audit replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The job, or the first digits of it
    #[arg(value_name = "JOB")]
    pub job: String,
    /// The auditor's secret key, as `age-keygen` wrote it
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

impl AuditCommand {
    /// The format that was asked for, if the command has one.
    #[must_use]
    pub const fn format(&self) -> Option<Format> {
        match self {
            Self::Verify(args) => Some(args.format),
            Self::Show(args) => Some(args.format),
            Self::List(args) | Self::Policies(args) => Some(args.format),
            Self::Replay(args) => Some(args.format),
            Self::Export(_) => None,
        }
    }
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
        AuditCommand::Replay(args) => replay_job(&args),
    }
}

fn list(args: &ListArgs) -> Result<Exit, UserError> {
    let records = State::open(&args.config.load()?.state_dir())?.audit_records()?;
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

fn policies(args: &ListArgs) -> Result<Exit, UserError> {
    let policies = State::open(&args.config.load()?.state_dir())?.policies()?;
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

fn replay_job(args: &ReplayArgs) -> Result<Exit, UserError> {
    let config = args.config.load()?;
    let state = State::open(&config.state_dir())?;
    let record = find_record(&state, &args.job)?;
    let receipt = find_receipt(&state, &record)?;
    let keys = AuditorKeys::load(&args.identity)?;
    let path = record_path(&config.state_dir(), &record.job_id);
    let file = File::open(&path)
        .map_err(|e| UserError::machine(format!("cannot open {}", path.display()), e))?;
    let place = lists::place_of_this_process("replay");
    let tools = Tools {
        kernel: kernel::select(Choice::Auto).map_err(|e| UserError::internal(e.to_string()))?,
        store: Lists::new(&config).store(&place),
        progress: Arc::new(Silent),
    };
    let report = replay(keys.open(BufReader::new(file))?, &receipt, tools).map_err(|error| {
        UserError::new(
            Exit::ReceiptsWrong,
            format!("the record of this job cannot be replayed: {error}"),
            "if the disk is sound, treat the record as changed, and ask its owner for a copy",
        )
    })?;
    print_report(args.format, &record, &report)?;
    Ok(match report.verdict {
        Verdict::Verified | Verdict::NotCompleted => Exit::Released,
        Verdict::Deviates => Exit::ReceiptsWrong,
    })
}

/// The record of the job that begins with these digits.
fn find_record(state: &State, digits: &str) -> Result<AuditRecord, UserError> {
    let digits = digits.to_ascii_lowercase();
    let records = state.audit_records()?;
    let mut found = records
        .into_iter()
        .filter(|record| hex::encode(record.job_id).starts_with(&digits));
    match (found.next(), found.next()) {
        (Some(only), None) if only.complete => Ok(only),
        (Some(_), None) => Err(UserError::bad_input(
            "the job is still running, or its record was cut off",
            "wait for its end",
        )),
        (Some(_), Some(_)) => Err(StateError::AmbiguousJob(digits).into()),
        (None, _) => Err(UserError::bad_input(
            format!("there is no record of a job `{digits}`"),
            "list the records with `psi-node audit list`; none are kept unless `retain_for_audit` is \
             set in node.toml",
        )),
    }
}

/// What the receipt says of the job, with the signatures of both members checked.
fn find_receipt(state: &State, record: &AuditRecord) -> Result<JobReceipt, UserError> {
    let damaged = |what: &str| StateError::Damaged(format!("{what} is missing"));
    let places = state
        .entries_of_job(&record.job_id)?
        .ok_or_else(|| damaged("the opened entry of the job"))?;
    let collab = state
        .collab_by_id(&places.collab_id)?
        .ok_or(StateError::UnknownCollab)?;
    let entry = |seq| -> Result<Entry, UserError> {
        let stored = state
            .entry(&places.collab_id, seq)?
            .ok_or_else(|| damaged("an entry of the job"))?;
        checked(&collab, &stored)
    };
    let opened = entry(places.opened)?;
    let closed = places.closed.map(entry).transpose()?;
    let receipt = JobReceipt::of(&opened.body, closed.as_ref().map(|closed| &closed.body));
    Ok(receipt.ok_or_else(|| damaged("the opened entry of the job"))?)
}

/// An entry that both members signed.
fn checked(collab: &Collaboration, stored: &StoredEntry) -> Result<Entry, UserError> {
    let wrong = |what: &str| {
        UserError::new(
            Exit::ReceiptsWrong,
            format!("entry {} of the log: {what}", stored.seq),
            "verify the whole log with `psi-node audit export` and `psi-node audit verify`",
        )
    };
    let entry = Entry::decode(&stored.entry).map_err(|e| wrong(&e.to_string()))?;
    let text = signing_text(&entry.hash());
    for (member, signature) in collab.members().iter().zip(&stored.signatures) {
        let holds =
            signature.is_some_and(|signature| signature_holds(&member.id.0, &text, &signature));
        if !holds {
            let what = format!(
                "the signature of {} is missing or does not verify",
                member.name
            );
            return Err(wrong(&what));
        }
    }
    Ok(entry)
}

fn print_report(format: Format, record: &AuditRecord, report: &Report) -> Result<(), UserError> {
    let job_id = hex::encode(record.job_id);
    if format == Format::Json {
        let mut document: Value = json!(report);
        document["job_id"] = Value::from(job_id);
        return output::print_json(&document);
    }
    let mut text = format!("Job {job_id}, this node as {}\n", report.side);
    for check in &report.checks {
        let holds = if check.holds { "holds  " } else { "DIFFERS" };
        // Writing into a String cannot fail.
        let _ = write!(text, "  {holds}  {}", check.check);
        match &check.place {
            Some(place) => {
                let _ = writeln!(text, ": {place}");
            }
            None => text.push('\n'),
        }
    }
    text.push_str(match report.verdict {
        Verdict::Verified => "Verified: this side did what its seed and its input call for.\n",
        Verdict::Deviates => "DOES NOT VERIFY: see what differs above.\n",
        Verdict::NotCompleted => {
            "Seed and input are those of the receipt; the job did not complete, so there is nothing \
             else to compare with.\n"
        }
    });
    output::print(&text)
}
