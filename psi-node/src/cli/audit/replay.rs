//! `psi-node audit replay`: one side's half of a job, run again from its record.
//!
//! On the node that kept the record, where the state names it and holds the receipt; or anywhere,
//! from the record, the exported log and the auditor's key alone. The replay itself is
//! [`psi_audit`]'s.

use std::path::PathBuf;

use clap::Args;
use psi_audit::cli::replay::{Files, Replayed, print_report, replay_files, replay_record};
use psi_audit::replay::JobReceipt;
use psi_core::receipt::{Entry, signature_holds, signing_text};

use crate::audit::keep::record_path;
use crate::cli::Common;
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::exit::Exit;
use crate::list_storage::{self, Lists};
use crate::state::{AuditRecord, State, StateError, StoredEntry};

/// Arguments of `audit replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The job, or the first digits of it
    #[arg(value_name = "JOB")]
    pub job: String,
    /// The auditor's secret key, as `age-keygen` wrote it
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// Without a node: the record
    #[arg(long, value_name = "FILE", requires = "log")]
    pub record: Option<PathBuf>,
    /// Without a node: the exported log, which is verified first
    #[arg(
        long,
        value_name = "FILE",
        requires = "record",
        conflicts_with = "config"
    )]
    pub log: Option<PathBuf>,
    /// Without a node: the signed collaboration document, if you hold it; else the one in the log is
    /// taken
    #[arg(long, value_name = "FILE", requires = "log")]
    pub collab_file: Option<PathBuf>,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

/// Replays, prints what was checked, and says by the exit code whether all of it holds.
pub(super) fn run(args: &ReplayArgs) -> Result<Exit, UserError> {
    let (whose, replayed) = match (&args.record, &args.log) {
        (Some(record), Some(log)) => {
            let files = Files {
                record,
                log,
                collab: args.collab_file.as_deref(),
                identity: &args.identity,
            };
            ("the node of this record", replay_files(&args.job, &files)?)
        }
        _ => ("this node", in_state(args)?),
    };
    print_report(args.common.format, whose, &replayed)
}

/// Replays a record of the node that the configuration names.
fn in_state(args: &ReplayArgs) -> Result<Replayed, UserError> {
    let config = args.common.config.load()?;
    let state = State::open(&config.state_dir())?;
    let record = find_record(&state, &args.job)?;
    let (receipt, collab) = find_receipt(&state, &record)?;
    let path = record_path(&config.state_dir(), &record.job_id);
    let store = Lists::new(&config).store(&list_storage::place_of_this_process("replay"));
    let report = replay_record(&path, &args.identity, &receipt, store)?;
    Ok(Replayed {
        job_id: record.job_id,
        collab,
        report,
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
fn find_receipt(
    state: &State,
    record: &AuditRecord,
) -> Result<(JobReceipt, Collaboration), UserError> {
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
    let receipt = receipt.ok_or_else(|| damaged("the opened entry of the job"))?;
    Ok((receipt, collab))
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
            signature.is_some_and(|signature| signature_holds(&member.id, &text, &signature));
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
