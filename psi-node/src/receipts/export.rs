//! Writing a collaboration's log to a file.
//!
//! Reads the state and the node's key (for the last line's signature); changes nothing but the
//! file, which replaces an earlier export and nothing else.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use psi_audit::receipts::verify::LINE_BYTES_MAX;
use psi_audit::receipts::{FORMAT, collaboration_line, end_line, end_text, entry_line};
use psi_core::receipt::{Entry, EntryHash};
use serde_json::Value;

use crate::collab::Collaboration;
use crate::durable_file;
use crate::error::UserError;
use crate::identity::NodeKey;
use crate::state::{State, StateError};

/// Entries read from the state at a time.
const BATCH: u32 = 256;

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("{0}")]
    State(#[from] StateError),
}

/// Writes the log of `collab` to `path`, and returns how many entries it has.
///
/// # Errors
/// [`UserError`] if the key is not a member's, if `path` holds something else than an export, if
/// the state cannot be read or the file not written.
pub fn export(
    state: &State,
    collab: &Collaboration,
    key: &NodeKey,
    path: &Path,
) -> Result<u64, UserError> {
    refuse_other_files(path)?;
    let Some(member) = collab.member_by_id(&key.id()) else {
        return Err(UserError::bad_input(
            format!("this node's key is not a member of `{}`", collab.name()),
            "put back the key that joined the collaboration",
        ));
    };
    // The log may grow meanwhile; the export ends where it ends now.
    let revisions = state.collab_revisions(&collab.id())?;
    let head = state.chain_head(&collab.id())?;
    let entries = head.as_ref().map_or(0, |head| head.seq.saturating_add(1));
    let head = head.map_or(EntryHash::ZERO, |head| head.hash);
    let signature = key.sign(&end_text(&collab.id(), entries, &head));
    let written = durable_file::replace_with(path, durable_file::PUBLIC, |file| {
        write_line(file, &collaboration_line(&collab.id(), &revisions))?;
        let mut seq = 0;
        while seq < entries {
            let batch = state.entries(&collab.id(), seq, BATCH)?;
            if batch.is_empty() {
                let what = format!("entry {seq} of the log is missing");
                return Err(ExportError::State(StateError::Damaged(what)));
            }
            for stored in batch.iter().take_while(|stored| stored.seq < entries) {
                let entry = Entry::decode(&stored.entry).map_err(|_| {
                    StateError::Damaged(format!("entry {} is not well-formed", stored.seq))
                })?;
                write_line(file, &entry_line(collab, stored, &entry))?;
                seq = stored.seq.saturating_add(1);
            }
        }
        write_line(file, &end_line(&member.name, entries, &head, &signature))?;
        Ok(())
    });
    match written {
        Ok(()) => Ok(entries),
        Err(ExportError::State(error)) => Err(error.into()),
        Err(ExportError::Io(e)) => Err(UserError::machine(
            format!("cannot write {}", path.display()),
            e,
        )),
    }
}

fn write_line(file: &mut impl Write, line: &Value) -> io::Result<()> {
    writeln!(file, "{line}")
}

/// An earlier export may be replaced; a mistyped path must not cost another file.
fn refuse_other_files(path: &Path) -> Result<(), UserError> {
    let file = match File::open(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => {
            return Err(UserError::bad_input(
                format!("cannot open {}: {e}", path.display()),
                "choose another file",
            ));
        }
        Ok(file) => file,
    };
    let mut first = Vec::new();
    let read = BufReader::new(file.take(LINE_BYTES_MAX)).read_until(b'\n', &mut first);
    let earlier = read.is_ok()
        && serde_json::from_slice::<Value>(&first)
            .is_ok_and(|line| line.get("format").is_some_and(|format| format == FORMAT));
    if earlier {
        return Ok(());
    }
    Err(UserError::bad_input(
        format!("{} exists and is not an exported log", path.display()),
        "choose another file; nothing was changed",
    ))
}
