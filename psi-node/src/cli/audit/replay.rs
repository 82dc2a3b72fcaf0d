//! `psi-node audit replay`: one side's half of a job, run again from its record.
//!
//! On the node that kept the record, where the state names it and holds the receipt; or anywhere,
//! from the record, the exported log and the auditor's key alone.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use psi_core::kernel::{self, Choice};
use psi_core::progress::Silent;
use psi_core::receipt::{Body, Entry, signature_holds, signing_text};
use psi_core::session::Tools;
use psi_core::spec::{JobId, JobSpec};
use serde_json::{Value, json};

use crate::audit::keep::record_path;
use crate::audit::replay::{JobReceipt, Report, Verdict, replay};
use crate::audit::seal::AuditorKeys;
use crate::cli::ConfigArg;
use crate::cli::output::{self, Format};
use crate::collab::Collaboration;
use crate::durable_file::folder_of;
use crate::error::UserError;
use crate::exit::Exit;
use crate::lists::{self, Lists};
use crate::receipts::verify::verify_each;
use crate::state::{AuditRecord, State, StateError, StoredEntry};

/// What lists may take in memory where no configuration says it; beyond it they are files.
const STANDALONE_MEMORY: usize = 256 * 1024 * 1024;

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
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// A job, its receipt, its record, and where lists are kept meanwhile.
struct Found {
    job_id: JobId,
    receipt: JobReceipt,
    record: PathBuf,
    lists: Lists,
}

/// Replays, prints what was checked, and says by the exit code whether all of it holds.
pub(super) fn run(args: &ReplayArgs) -> Result<Exit, UserError> {
    let found = match (&args.record, &args.log) {
        (Some(record), Some(log)) => in_files(&args.job, record, log)?,
        _ => in_state(args)?,
    };
    let keys = AuditorKeys::load(&args.identity)?;
    let path = &found.record;
    let file = File::open(path).map_err(|e| {
        UserError::bad_input(
            format!("cannot open {}: {e}", path.display()),
            "check the path and its permissions",
        )
    })?;
    let tools = Tools {
        kernel: kernel::select(Choice::Auto).map_err(|e| UserError::internal(e.to_string()))?,
        store: found.lists.store(&lists::place_of_this_process("replay")),
        progress: Arc::new(Silent),
    };
    let opened = keys.open(BufReader::new(file))?;
    let report = replay(opened, &found.receipt, tools).map_err(|error| {
        UserError::new(
            Exit::ReceiptsWrong,
            format!("the record of this job cannot be replayed: {error}"),
            "if the disk is sound, treat the record as changed, and ask its owner for a copy",
        )
    })?;
    print_report(args.format, &found.job_id, &report)?;
    Ok(match report.verdict {
        Verdict::Verified | Verdict::NotCompleted => Exit::Released,
        Verdict::Deviates => Exit::ReceiptsWrong,
    })
}

/// Of the node that the configuration names.
fn in_state(args: &ReplayArgs) -> Result<Found, UserError> {
    let config = args.config.load()?;
    let state = State::open(&config.state_dir())?;
    let record = find_record(&state, &args.job)?;
    Ok(Found {
        job_id: record.job_id,
        receipt: find_receipt(&state, &record)?,
        record: record_path(&config.state_dir(), &record.job_id),
        lists: Lists::new(&config),
    })
}

/// Of the one job in an exported log that begins with these digits.
fn in_files(digits: &str, record: &Path, log: &Path) -> Result<Found, UserError> {
    let digits = digits.to_ascii_lowercase();
    let mut opened: Vec<(JobId, Body, Option<Body>)> = Vec::new();
    verify_each(log, None, |entry| match &entry.body {
        Body::Opened { spec, .. } => {
            // An entry that verified holds a specification that decodes.
            if let Ok(spec) = JobSpec::decode(spec)
                && hex::encode(spec.job_id()).starts_with(&digits)
            {
                opened.push((spec.job_id(), entry.body.clone(), None));
            }
        }
        Body::Closed { job_id, .. } => {
            if let Some((_, _, closed)) = opened.iter_mut().find(|(id, ..)| id == job_id) {
                *closed = Some(entry.body.clone());
            }
        }
        Body::Statement { .. } | Body::Refused { .. } => {}
    })?;
    let found = match opened.as_slice() {
        [(job_id, opened, closed)] => {
            JobReceipt::of(opened, closed.as_ref()).map(|receipt| (*job_id, receipt))
        }
        [] => None,
        _ => return Err(StateError::AmbiguousJob(digits).into()),
    };
    let (job_id, receipt) = found.ok_or_else(|| {
        UserError::bad_input(
            format!("{} holds no job `{digits}`", log.display()),
            "give the log of the collaboration in which the job ran",
        )
    })?;
    Ok(Found {
        job_id,
        receipt,
        record: record.to_owned(),
        lists: Lists::standalone(folder_of(record).join("lists"), STANDALONE_MEMORY),
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

fn print_report(format: Format, job_id: &JobId, report: &Report) -> Result<(), UserError> {
    let job_id = hex::encode(job_id);
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
