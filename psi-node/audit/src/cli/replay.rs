//! `psi-audit replay`: one side's half of a job, run again from files alone.
//!
//! Spec 07 §12. Three files: the record that one member's node kept, the exported log, and the
//! auditor's key. The log is verified first. `psi-node audit replay` calls [`replay_files`] for
//! files and [`replay_record`] for a record of its own state, and prints with [`print_report`].

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use psi_core::kernel::{self, Choice};
use psi_core::progress::Silent;
use psi_core::receipt::Body;
use psi_core::session::Tools;
use psi_core::spec::{JobId, JobSpec};
use psi_core::store::RecordStore;
use serde_json::{Value, json};

use super::verify::{expected, members};
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::exit::Exit;
use crate::output::{self, Format, set_field};
use crate::receipts::verify::verify_each;
use crate::replay::{JobReceipt, ReplayError, Report, Verdict, replay};
use crate::scratch;
use crate::seal::AuditorKeys;

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The job, or the first digits of it
    #[arg(value_name = "JOB")]
    pub job: String,
    /// The record that one member's node kept of the job
    #[arg(long, value_name = "FILE")]
    pub record: PathBuf,
    /// The exported log of the collaboration, which is verified first
    #[arg(long, value_name = "FILE")]
    pub log: PathBuf,
    /// The signed collaboration document, if you hold it; else the one in the log is taken
    #[arg(long, value_name = "FILE")]
    pub collab_file: Option<PathBuf>,
    /// Your secret key, as `age-keygen` wrote it
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Replays, prints what was checked, and says by the exit code whether all of it holds.
///
/// # Errors
/// Those of [`replay_files`].
pub fn run(args: &ReplayArgs) -> Result<Exit, UserError> {
    let files = Files {
        record: &args.record,
        log: &args.log,
        collab: args.collab_file.as_deref(),
        identity: &args.identity,
    };
    let replayed = replay_files(&args.job, &files)?;
    print_report(args.format, "the node of this record", &replayed)
}

/// Replays the one job in an exported log that begins with these digits, from its record. Lists that
/// outgrow memory go to a folder beside the record meanwhile.
///
/// # Errors
/// Those of the log's verification and of [`replay_record`]; [`Exit::BadInput`] if the log does not
/// hold the job, or more than one begins so.
pub fn replay_files(digits: &str, files: &Files<'_>) -> Result<Replayed, UserError> {
    let expected = expected(files.collab)?;
    let Found {
        job_id,
        receipt,
        collab,
    } = find_in_log(digits, files.log, expected.as_ref())?;
    let beside = match files.record.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let store = scratch::store(beside);
    let report = replay_record(files.record, files.identity, &receipt, store)?;
    Ok(Replayed {
        job_id,
        collab,
        report,
    })
}

/// What an auditor holds of a job.
pub struct Files<'a> {
    /// The record that one member's node kept.
    pub record: &'a Path,
    /// The exported log of the collaboration.
    pub log: &'a Path,
    /// The signed document that the log has to be of.
    pub collab: Option<&'a Path>,
    /// The auditor's key.
    pub identity: &'a Path,
}

/// A job that was run again.
pub struct Replayed {
    /// Its id.
    pub job_id: JobId,
    /// The collaboration of the log that has its receipt.
    pub collab: Collaboration,
    /// What was checked.
    pub report: Report,
}

/// A job of an exported log.
struct Found {
    job_id: JobId,
    receipt: JobReceipt,
    collab: Collaboration,
}

/// What an exported log says of a job.
struct Entries {
    job_id: JobId,
    opened: Body,
    closed: Option<Body>,
}

/// The receipt of the one job in an exported log that begins with these digits.
fn find_in_log(
    digits: &str,
    log: &Path,
    expected: Option<&Collaboration>,
) -> Result<Found, UserError> {
    let digits = digits.to_ascii_lowercase();
    let mut jobs: Vec<Entries> = Vec::new();
    let verified = verify_each(log, expected, |entry| match &entry.body {
        Body::Opened { spec, .. } => {
            // An entry that verified holds a specification that decodes. Two are too many already.
            if jobs.len() < 2
                && let Ok(spec) = JobSpec::decode(spec)
                && hex::encode(spec.job_id()).starts_with(&digits)
            {
                jobs.push(Entries {
                    job_id: spec.job_id(),
                    opened: entry.body.clone(),
                    closed: None,
                });
            }
        }
        Body::Closed { job_id, .. } => {
            if let Some(job) = jobs.iter_mut().find(|job| job.job_id == *job_id) {
                job.closed = Some(entry.body.clone());
            }
        }
        Body::Statement { .. } | Body::Refused { .. } => {}
    })?;
    let found = match jobs.as_slice() {
        [job] => {
            let receipt = JobReceipt::of(&job.opened, job.closed.as_ref());
            receipt.map(|receipt| Found {
                job_id: job.job_id,
                receipt,
                collab: verified.collab,
            })
        }
        [] => None,
        _ => {
            return Err(UserError::bad_input(
                format!("more than one job begins with `{digits}`"),
                "give more digits",
            ));
        }
    };
    found.ok_or_else(|| {
        UserError::bad_input(
            format!("{} holds no job `{digits}`", log.display()),
            "give the log of the collaboration in which the job ran",
        )
    })
}

/// Replays a record, with its lists in `store`.
///
/// # Errors
/// [`Exit::BadInput`] if a file cannot be read or the record is not for this key;
/// [`Exit::ReceiptsWrong`] if it cannot be replayed; [`Exit::Internal`] if lists cannot be kept.
pub fn replay_record(
    record: &Path,
    identity: &Path,
    receipt: &JobReceipt,
    store: Arc<dyn RecordStore>,
) -> Result<Report, UserError> {
    let keys = AuditorKeys::load(identity)?;
    let file = File::open(record).map_err(|e| {
        UserError::bad_input(
            format!("cannot open {}: {e}", record.display()),
            "check the path and its permissions",
        )
    })?;
    let tools = Tools {
        kernel: kernel::select(Choice::Auto).map_err(|e| UserError::internal(e.to_string()))?,
        store,
        progress: Arc::new(Silent),
    };
    let opened = keys.open(BufReader::new(file))?;
    replay(opened, receipt, tools).map_err(cannot_replay)
}

fn cannot_replay(error: ReplayError) -> UserError {
    match error {
        // Says nothing about the record.
        ReplayError::Lists(error) => {
            UserError::machine("the lists of the replay cannot be kept", error)
        }
        ReplayError::Record(error) => UserError::new(
            Exit::ReceiptsWrong,
            format!("the record of this job cannot be replayed: {error}"),
            "if the disk is sound, treat the record as changed, and ask its owner for a copy",
        ),
    }
}

/// Prints what was checked and returns what the command exits with; `whose` says whose half it is.
///
/// # Errors
/// Those of [`output::print`].
pub fn print_report(format: Format, whose: &str, replayed: &Replayed) -> Result<Exit, UserError> {
    let Replayed {
        job_id,
        collab,
        report,
    } = replayed;
    let job_id = hex::encode(job_id);
    let exit = match report.verdict {
        Verdict::Verified | Verdict::NotCompleted => Exit::Released,
        Verdict::Deviates => Exit::ReceiptsWrong,
    };
    if format == Format::Json {
        let mut document: Value = json!(report);
        set_field(&mut document, "job_id", Value::from(job_id));
        set_field(&mut document, "collab", Value::from(collab.name()));
        set_field(
            &mut document,
            "collab_id",
            Value::from(hex::encode(collab.id())),
        );
        set_field(&mut document, "members", Value::from(members(collab)));
        output::print_json(&document)?;
        return Ok(exit);
    }
    let mut text = format!(
        "Job {job_id} of {}, {whose} as {}\nCompare these ids with the members':\n",
        collab.name(),
        report.side
    );
    for member in collab.members() {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "  {}  {}", member.id, member.name);
    }
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
    output::print(&text)?;
    Ok(exit)
}

#[cfg(test)]
mod tests {
    use psi_core::store::{StoreError, StoreErrorKind};

    use super::cannot_replay;
    use crate::exit::Exit;
    use crate::record::RecordError;

    #[test]
    fn a_full_disk_is_the_machines_fault_and_a_malformed_record_is_not() {
        let full = StoreError {
            kind: StoreErrorKind::DiskFull,
            what: "writing a list to disk",
            source: "no space left".into(),
        };
        assert_eq!(cannot_replay(full.into()).exit, Exit::Internal);
        let malformed = RecordError::Malformed("it was cut off");
        assert_eq!(cannot_replay(malformed.into()).exit, Exit::ReceiptsWrong);
    }
}
