//! The first line of an exported log: the revisions under which its jobs ran (Spec 07 §5, 7).

use psi_core::receipt::{Body, Entry};
use psi_core::spec::{CollabId, JobSpec};
use serde_json::Value;

use super::{Lines, says};
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::receipts::{FORMAT, collaboration_line};

/// The revisions in the first line: each signed by both members, each following on the one before.
pub(super) fn read_revisions(
    lines: &Lines<'_>,
    text: &str,
) -> Result<Vec<Collaboration>, UserError> {
    let line: Value = serde_json::from_str(text).unwrap_or(Value::Null);
    if line.get("format").and_then(Value::as_str) != Some(FORMAT) {
        return Err(lines.bad_file());
    }
    let mut revisions: Vec<Collaboration> = Vec::new();
    let documents = line.get("documents").and_then(Value::as_array);
    for document in documents.into_iter().flatten() {
        let document = document.as_str().unwrap_or_default();
        let collab = Collaboration::parse(document, lines.path).map_err(|e| {
            lines.wrong(&format!(
                "the collaboration document is malformed: {}",
                e.what
            ))
        })?;
        collab
            .verify()
            .map_err(|e| lines.wrong(&format!("the collaboration document: {e}")))?;
        match revisions.last() {
            Some(before) => collab
                .follows(before)
                .map_err(|e| lines.wrong(&format!("the collaboration documents: {e}")))?,
            None if collab.link().is_some() => {
                return Err(lines.wrong("its first document is not revision 1"));
            }
            None => {}
        }
        revisions.push(collab);
    }
    let id = revisions
        .first()
        .map_or(CollabId([0; 32]), Collaboration::id);
    if !says(text, &collaboration_line(&id, &revisions)) {
        return Err(lines.wrong("the line does not say what the signed documents say"));
    }
    Ok(revisions)
}

/// A job that was opened names a revision that both members signed.
pub(super) fn check_revision(
    lines: &Lines<'_>,
    revisions: &[Collaboration],
    seq: u64,
    entry: &Entry,
) -> Result<(), UserError> {
    let Body::Opened { spec, .. } = &entry.body else {
        return Ok(());
    };
    // An entry that decoded holds a specification that decodes.
    let named = JobSpec::decode(spec).map(|spec| spec.revision);
    let known = named.is_ok_and(|named| {
        revisions
            .iter()
            .any(|revision| revision.revision_hash() == named)
    });
    if known {
        return Ok(());
    }
    let what = "its job names a revision of the collaboration that is not in the first line";
    Err(lines.wrong_entry(seq, what))
}
