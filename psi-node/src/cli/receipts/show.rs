//! `psi-node receipts list` and `show`: the logs in this node's state.

use psi_audit::receipts;
use psi_core::receipt::{Body, Entry};
use serde_json::{Value, json};

use super::{ListArgs, ShowArgs, find_collab};
use crate::cli::output::{self, Format, Table};
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::NodeKey;
use crate::printable;
use crate::state::{Note, State, StateError, StoredEntry, first_wrong_note};

/// All entries with their lines, oldest first.
fn all_lines(state: &State, collab: &Collaboration) -> Result<Vec<(Entry, Value)>, UserError> {
    let mut lines = Vec::new();
    loop {
        let batch = state.entries(&collab.id(), lines.len() as u64, 256)?;
        if batch.is_empty() {
            return Ok(lines);
        }
        for stored in &batch {
            let entry = decode(stored)?;
            let line = receipts::entry_line(collab, stored, &entry);
            lines.push((entry, line));
        }
    }
}

fn decode(stored: &StoredEntry) -> Result<Entry, StateError> {
    Entry::decode(&stored.entry).map_err(|_| {
        StateError::Damaged(format!("receipt entry {} is not well-formed", stored.seq))
    })
}

pub(super) fn list(args: &ListArgs) -> Result<(), UserError> {
    let state = args.common.config.state()?;
    let collab = find_collab(&state, args.collab.as_deref())?;
    let lines = all_lines(&state, &collab)?;
    if args.common.format == Format::Json {
        return output::print_json(&lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>());
    }
    let mut table = Table::new(&["SEQ", "KIND", "JOB", "SIGNED BY", "DETAIL"]);
    for (entry, line) in &lines {
        let signed = line.get("signatures").and_then(Value::as_object);
        let signed = signed.into_iter().flatten();
        let signed: Vec<&str> = signed
            .filter(|(_, s)| !s.is_null())
            .map(|(name, _)| name.as_str())
            .collect();
        let Summary { kind, job, detail } = summary(entry, line);
        table.row([
            &entry.seq.to_string(),
            kind,
            &job,
            &signed.join(", "),
            &detail,
        ]);
    }
    output::print(&table.render())?;
    if let Some(why) = state.chain_broken(&collab.id())? {
        output::print(&format!(
            "The log cannot be continued: {}\n",
            printable::line(&why)
        ))?;
    }
    Ok(())
}

/// An entry in a line of the table.
struct Summary {
    kind: &'static str,
    job: String,
    detail: String,
}

fn summary(entry: &Entry, line: &Value) -> Summary {
    let text = |place: &str| {
        let value = line.pointer(place).and_then(Value::as_str);
        value.unwrap_or("-").to_owned()
    };
    let job = |place: &str| text(place).chars().take(16).collect::<String>();
    let (kind, job, detail) = match &entry.body {
        Body::Opened { .. } => (
            "opened",
            job("/says/job/job_id"),
            if text("/says/job/answers") == receipts::LIST {
                format!("LIST {}", text("/says/job/query"))
            } else {
                text("/says/job/query")
            },
        ),
        Body::Closed { status, code, .. } => {
            let why = code.map_or(String::new(), |code| format!(": {code}"));
            (
                "closed",
                job("/says/job_id"),
                format!("{}{why}", status.as_str()),
            )
        }
        Body::Refused { code, .. } => (
            "refused",
            "-".into(),
            format!("asked by {}: {code}", text("/says/requester")),
        ),
        Body::Statement { text: words, .. } => (
            "statement",
            "-".into(),
            format!("{}: {words}", text("/says/by")),
        ),
    };
    Summary { kind, job, detail }
}

pub(super) fn list_local(args: &ListArgs) -> Result<(), UserError> {
    let config = args.common.config.load()?;
    let id = NodeKey::load(&config.key_path())?.id();
    let entries = State::open(&config.state_dir())?.notes()?;
    match args.common.format {
        Format::Json => {
            let line = |entry: &Note| {
                json!({
                    "seq": entry.seq,
                    "unix": entry.unix,
                    "kind": entry.kind,
                    "text": entry.text,
                    "hash": entry.hash().to_string(),
                    "signature": hex::encode(entry.signature),
                })
            };
            output::print_json(&entries.iter().map(line).collect::<Vec<_>>())?;
        }
        Format::Table => {
            let mut table = Table::new(&["SEQ", "TIME", "KIND", "TEXT"]);
            for entry in &entries {
                table.row([
                    &entry.seq.to_string(),
                    &output::utc(entry.unix),
                    &entry.kind,
                    &entry.text,
                ]);
            }
            output::print(&table.render())?;
        }
    }
    match first_wrong_note(&entries, &id) {
        None => Ok(()),
        Some(seq) => Err(UserError::new(
            Exit::ReceiptsWrong,
            format!("entry {seq} of this node's own log is not the entry that it signed"),
            "the state was edited or its end was lost; restore it from a backup",
        )),
    }
}

pub(super) fn show(args: &ShowArgs) -> Result<(), UserError> {
    let state = args.common.config.state()?;
    let collab = find_collab(&state, args.collab.as_deref())?;
    let stored = state.entry(&collab.id(), args.seq)?.ok_or_else(|| {
        UserError::bad_input(
            format!("the log of {} has no entry {}", collab.name(), args.seq),
            "list the entries with `psi-node receipts list`",
        )
    })?;
    let line = receipts::entry_line(&collab, &stored, &decode(&stored)?);
    match args.common.format {
        Format::Json => output::print_json(&line),
        Format::Table => {
            let mut table = Table::new(&["FIELD", "VALUE"]);
            flatten(&mut table, "", &line);
            output::print(&table.render())
        }
    }
}

/// One row per leaf of a document, its path written with dots.
fn flatten(table: &mut Table, path: &str, value: &Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flatten(table, &path, value);
            }
        }
        Value::String(text) => table.row([path, text]),
        Value::Null => table.row([path, "-"]),
        other => table.row([path, &other.to_string()]),
    }
}
