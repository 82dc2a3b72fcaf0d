//! Verifying an exported log: offline, without data, from public keys alone.
//!
//! The arithmetic is [`ChainVerifier`]'s; this module reads the file line by line, finds that each
//! line says what the signed bytes say, and names the line and the entry that is wrong.

mod revisions;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use psi_core::receipt::log::StoredEntry;
use psi_core::receipt::{
    ChainError, ChainSummary, ChainVerifier, Entry, EntryHash, LogMember, Signature, entry_hash,
    signature_holds,
};
use serde::Deserialize;
use serde_json::Value;

use self::revisions::{check_revision, read_revisions};
use super::{end_line, end_text, entry_line};
use crate::collab::{Collaboration, Member};
use crate::error::UserError;
use crate::exit::Exit;

/// Bytes of one line; the longest hold an entry's bytes in hexadecimal and its fields.
pub const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// A log that verified.
#[derive(Debug)]
pub struct VerifiedLog {
    /// The file.
    pub path: PathBuf,
    /// The last revision of the collaboration in it; the signatures of all were verified.
    pub collab: Collaboration,
    /// The name of the member who exported the log.
    pub member: String,
    /// What the log holds.
    pub summary: ChainSummary,
    hashes: Vec<EntryHash>,
}

/// Lines of the file after the first.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    Entry(EntryLine),
    End(EndLine),
}

#[derive(Deserialize)]
struct EntryLine {
    #[serde(deserialize_with = "crate::hex_field::vec")]
    entry: Vec<u8>,
    signatures: serde_json::Map<String, Value>,
}

#[derive(Deserialize)]
struct EndLine {
    entries: u64,
    #[serde(deserialize_with = "crate::hex_field::array")]
    head: EntryHash,
    member: String,
    #[serde(deserialize_with = "crate::hex_field::array")]
    signature: Signature,
}

/// Verifies an exported log. With `expected`, the log must be that collaboration's; otherwise the
/// document in the first line is taken, and the caller shows its node ids for comparison.
///
/// # Errors
/// [`UserError`] with [`Exit::ReceiptsWrong`] that names the line, the entry and what is wrong
/// with it; [`Exit::BadInput`] if the file cannot be read.
pub fn verify(path: &Path, expected: Option<&Collaboration>) -> Result<VerifiedLog, UserError> {
    verify_each(path, expected, |_| {})
}

/// [`verify`], with a look at each entry. What was looked at counts only if the whole log verifies.
///
/// # Errors
/// Those of [`verify`].
pub fn verify_each(
    path: &Path,
    expected: Option<&Collaboration>,
    mut look: impl FnMut(&Entry),
) -> Result<VerifiedLog, UserError> {
    let mut lines = Lines::open(path)?;
    let Some(first) = lines.next_line()? else {
        return Err(lines.wrong("the file is empty"));
    };
    let revisions = read_revisions(&lines, &first)?;
    let Some(collab) = revisions.last().cloned() else {
        return Err(lines.wrong("it names no collaboration"));
    };
    if expected.is_some_and(|expected| expected.id() != collab.id()) {
        return Err(lines.wrong("the log belongs to another collaboration than the given document"));
    }
    let members = collab.members().clone().map(
        |Member {
             id: node_id, name, ..
         }| LogMember { node_id, name },
    );
    let mut chain = ChainVerifier::new(collab.id(), members);
    let mut hashes: Vec<EntryHash> = Vec::new();
    while let Some(text) = lines.next_line()? {
        let seq = hashes.len() as u64;
        let line = serde_json::from_str(&text)
            .map_err(|e| lines.wrong_entry(seq, &format!("the line cannot be read: {e}")))?;
        match line {
            Line::Entry(line) => {
                let (entry, hash) = check_entry(&lines, &revisions, &mut chain, seq, &text, line)?;
                look(&entry);
                hashes.push(hash);
            }
            Line::End(line) => {
                let head = hashes.last().copied().unwrap_or(EntryHash::ZERO);
                check_end(&lines, &collab, &text, &line, seq, &head)?;
                if lines.next_line()?.is_some() {
                    return Err(lines.wrong("lines follow after the closing line"));
                }
                let summary = chain.finish();
                let (path, member) = (path.to_owned(), line.member);
                return Ok(VerifiedLog {
                    path,
                    collab,
                    member,
                    summary,
                    hashes,
                });
            }
        }
    }
    let entries = hashes.len();
    Err(lines.wrong(&format!(
        "the file ends after {entries} entries, without its closing line: it was cut off"
    )))
}

/// Compares two verified logs of the same collaboration.
///
/// # Errors
/// [`UserError`] with [`Exit::ReceiptsWrong`] that names the first entry that differs or is missing.
pub fn compare(one: &VerifiedLog, other: &VerifiedLog) -> Result<(), UserError> {
    let disagree = |what: String, remedy: &str| {
        Err(UserError::new(Exit::ReceiptsWrong, what, remedy.to_owned()))
    };
    let (a, b) = (one.path.display(), other.path.display());
    if one.collab.id() != other.collab.id() {
        return disagree(
            format!("{a} and {b} are logs of different collaborations"),
            "compare the two members' exports of the same collaboration",
        );
    }
    let differs = one
        .hashes
        .iter()
        .zip(&other.hashes)
        .position(|(x, y)| x != y);
    if let Some(seq) = differs {
        return disagree(
            format!(
                "{a} and {b} hold different entries number {seq}, and both are signed: the \
                     log was forked"
            ),
            "ask both members how this entry came about; at least one of them signed two entries \
             with the same number",
        );
    }
    let (short, long) = if one.hashes.len() < other.hashes.len() {
        (one, other)
    } else {
        (other, one)
    };
    if short.hashes.len() < long.hashes.len() {
        return disagree(
            format!(
                "{} (exported by {}) ends after {} entries and {} (exported by {}) after {}",
                short.path.display(),
                short.member,
                short.hashes.len(),
                long.path.display(),
                long.member,
                long.hashes.len()
            ),
            "export both again with no job running; if the difference stays, the shorter log was \
             rolled back: see `psi-node receipts repair`",
        );
    }
    Ok(())
}

fn check_entry(
    lines: &Lines<'_>,
    revisions: &[Collaboration],
    chain: &mut ChainVerifier,
    seq: u64,
    text: &str,
    line: EntryLine,
) -> Result<(Entry, EntryHash), UserError> {
    let Some(collab) = revisions.last() else {
        return Err(lines.wrong_entry(seq, "it belongs to no collaboration"));
    };
    let mut signatures = [None; 2];
    for (member, slot) in collab.members().iter().zip(&mut signatures) {
        *slot = match line.signatures.get(&member.name) {
            None | Some(Value::Null) => None,
            Some(value) => Some(read_signature(value).ok_or_else(|| {
                lines.wrong_entry(
                    seq,
                    &format!("the signature of {} is malformed", member.name),
                )
            })?),
        };
    }
    let entry = chain
        .check(&line.entry, &signatures)
        .map_err(|error| match error {
            // Only the last entry of a log may lack a signature; the one before this line does.
            ChainError::Unsigned(name) => lines.wrong_at(
                lines.number.saturating_sub(1),
                seq.saturating_sub(1),
                &format!("the signature of {name} is missing, though the log goes on after it"),
            ),
            // Nobody sent this: the file is at fault, not a peer.
            ChainError::Malformed(psi_core::Error::PeerMisbehaved { detail, .. }) => {
                lines.wrong_entry(seq, &format!("it is not a well-formed entry: {detail}"))
            }
            other => lines.wrong_entry(seq, &other.to_string()),
        })?;
    check_revision(lines, revisions, seq, &entry)?;
    let hash = entry_hash(&line.entry);
    let stored = StoredEntry {
        seq,
        entry: line.entry,
        hash,
        signatures,
    };
    if !says(text, &entry_line(collab, &stored, &entry)) {
        let what = "the fields do not say what the signed bytes say";
        return Err(lines.wrong_entry(seq, what));
    }
    Ok((entry, hash))
}

fn check_end(
    lines: &Lines<'_>,
    collab: &Collaboration,
    text: &str,
    line: &EndLine,
    entries: u64,
    head: &EntryHash,
) -> Result<(), UserError> {
    let Some(member) = collab.member_by_name(&line.member) else {
        return Err(lines.wrong("the closing line is signed by nobody of the collaboration"));
    };
    let covered = end_text(&collab.id(), line.entries, &line.head);
    if !signature_holds(&member.id, &covered, &line.signature) {
        let what = format!(
            "the signature of {} on the closing line does not verify",
            line.member
        );
        return Err(lines.wrong(&what));
    }
    if line.entries != entries || line.head != *head {
        return Err(lines.wrong(&format!(
            "{} exported {} entries, and the file holds {entries}: entries were removed or added \
             at the end",
            line.member, line.entries
        )));
    }
    if !says(
        text,
        &end_line(&line.member, entries, head, &line.signature),
    ) {
        return Err(lines.wrong("the closing line holds more than it should"));
    }
    Ok(())
}

/// Whether a line is, byte by byte, what an export writes for `expected`.
fn says(line: &str, expected: &Value) -> bool {
    let expected = expected.to_string();
    line == expected
}

fn read_signature(value: &Value) -> Option<Signature> {
    let mut signature = [0; 64];
    hex::decode_to_slice(value.as_str()?, &mut signature).ok()?;
    Some(Signature(signature))
}

/// The lines of a file, with the number of the last one read.
struct Lines<'a> {
    path: &'a Path,
    reader: BufReader<File>,
    number: u64,
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Self, UserError> {
        let file = File::open(path).map_err(|e| unreadable(path, &e))?;
        Ok(Self {
            path,
            reader: BufReader::new(file),
            number: 0,
        })
    }

    fn next_line(&mut self) -> Result<Option<String>, UserError> {
        let mut line = Vec::new();
        self.reader
            .by_ref()
            .take(LINE_BYTES_MAX)
            .read_until(b'\n', &mut line)
            .map_err(|e| unreadable(self.path, &e))?;
        if line.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if line.pop() != Some(b'\n') {
            return Err(self.wrong("the line has no end: the file was cut off"));
        }
        match String::from_utf8(line) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(self.wrong("the line is not text")),
        }
    }

    fn wrong(&self, what: &str) -> UserError {
        let what = format!(
            "{}: line {}: {what}",
            self.path.display(),
            self.number.max(1)
        );
        UserError::new(Exit::ReceiptsWrong, what, REMEDY)
    }

    fn wrong_entry(&self, seq: u64, what: &str) -> UserError {
        self.wrong_at(self.number, seq, what)
    }

    fn wrong_at(&self, line: u64, seq: u64, what: &str) -> UserError {
        let what = format!("{}: line {line} (entry {seq}): {what}", self.path.display());
        UserError::new(Exit::ReceiptsWrong, what, REMEDY)
    }

    fn bad_file(&self) -> UserError {
        UserError::bad_input(
            format!("{} is not an exported log", self.path.display()),
            "name a file that `psi-node receipts export` wrote",
        )
    }
}

const REMEDY: &str = "do not rely on this file; ask each member for a fresh export and compare the \
                      two with --against";

fn unreadable(path: &Path, error: &io::Error) -> UserError {
    UserError::bad_input(
        format!("cannot read {}: {error}", path.display()),
        "check the path and its permissions",
    )
}
