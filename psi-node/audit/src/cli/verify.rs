//! `psi-audit verify`, and `psi-node receipts verify`: an exported log, checked entry by entry.
//!
//! Spec 07 §5 and §9. The checks are [`crate::receipts::verify`]'s; this prints what came out.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::collab::Collaboration;
use crate::error::UserError;
use crate::output::{self, Format, counted};
use crate::receipts::verify::{compare, verify};

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The exported log
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The other member's export of the same log, to compare with
    #[arg(long, value_name = "FILE")]
    pub against: Option<PathBuf>,
    /// The signed collaboration document, if you hold it; else the one in the log is taken
    #[arg(long, value_name = "FILE")]
    pub collab_file: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// The collaboration that a log has to be of, if a signed document says one.
///
/// # Errors
/// [`UserError`] if it cannot be read or its signatures do not hold.
pub(super) fn expected(file: Option<&Path>) -> Result<Option<Collaboration>, UserError> {
    let Some(path) = file else { return Ok(None) };
    let (collab, _) = Collaboration::read(path)?;
    collab.verify().map_err(|e| e.at(path))?;
    Ok(Some(collab))
}

/// Who the members of a log are, for JSON.
pub(super) fn members(collab: &Collaboration) -> Vec<Value> {
    let members = collab.members().iter();
    members
        .map(|member| json!({"name": member.name, "id": member.id.to_string()}))
        .collect()
}

/// Verifies the log, compares it with the other member's if there is one, and prints what it holds.
///
/// # Errors
/// [`UserError`] with [`ReceiptsWrong`](crate::exit::Exit::ReceiptsWrong) that names the line and
/// the entry; [`BadInput`](crate::exit::Exit::BadInput) if a file cannot be read.
pub fn run(args: &VerifyArgs) -> Result<(), UserError> {
    let expected = expected(args.collab_file.as_deref())?;
    let log = verify(&args.file, expected.as_ref())?;
    if let Some(other) = &args.against {
        compare(&log, &verify(other, expected.as_ref())?)?;
    }
    let (collab, summary) = (&log.collab, &log.summary);
    if args.format == Format::Json {
        return output::print_json(&json!({
            "verified": true,
            "compared": args.against.is_some(),
            "collab": collab.name(),
            "collab_id": hex::encode(collab.id()),
            "members": members(collab),
            "exported_by": log.member,
            "entries": summary.entries,
            "opened": summary.opened,
            "completed": summary.completed,
            "aborted": summary.aborted,
            "refused": summary.refused,
            "unsigned": summary.unsigned,
        }));
    }
    let mut text = format!(
        "The log of {} verifies: {}; {} opened, {} completed, {} aborted; {} refused.\n\
         Exported by {}. Compare these ids with the members':\n",
        collab.name(),
        counted(summary.entries, "entry", "entries"),
        counted(summary.opened, "job", "jobs"),
        summary.completed,
        summary.aborted,
        counted(summary.refused, "question", "questions"),
        log.member,
    );
    for member in collab.members() {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "  {}  {}", member.id, member.name);
    }
    for name in &summary.unsigned {
        let _ = writeln!(
            text,
            "The last entry lacks the signature of {name}; it is added when the nodes next connect."
        );
    }
    if args.against.is_some() {
        text.push_str("Both logs hold the same entries.\n");
    }
    output::print(&text)
}
