//! `psi-node collab list` and `collab show`: what this node has joined.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::ShowArgs;
use crate::cli::Common;
use crate::cli::output::{self, Format, Table};
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::printable;
use crate::state::{CollabStanding, State, StateError};

/// Lists the joined collaborations.
pub(super) fn list(args: &Common) -> Result<(), UserError> {
    let state = args.config.state()?;
    let collabs = state.collabs()?;
    let awaited = state.awaited()?.into_iter().map(|awaited| awaited.collab);
    let awaited: Vec<_> = awaited.collect();
    match args.format {
        Format::Json => {
            let all = collabs.iter().chain(&awaited);
            let all: Result<Vec<_>, _> = all.map(|c| document(&state, c)).collect();
            output::print_json(&all?)
        }
        Format::Table => {
            let mut table = Table::new(&[
                "NAME", "REVISION", "MODE", "MEMBERS", "ENTRIES", "STATE", "ID",
            ]);
            for collab in collabs.iter().chain(&awaited) {
                let members = collab.members().iter().map(|m| m.name.as_str());
                let head = state.chain_head(&collab.id())?;
                let standing = state.collab_standing(&collab.id())?;
                let log = if collab.verify().is_err() {
                    "awaited"
                } else if standing != CollabStanding::InForce {
                    standing.as_str()
                } else if state.chain_broken(&collab.id())?.is_some() {
                    "broken"
                } else {
                    "ok"
                };
                table.row([
                    collab.name(),
                    &collab.revision().to_string(),
                    collab.mode().as_str(),
                    &members.collect::<Vec<_>>().join(", "),
                    &head.map_or(0, |head| head.seq + 1).to_string(),
                    log,
                    &hex::encode(collab.id()),
                ]);
            }
            output::print(&table.render())
        }
    }
}

/// Shows one, in one of its revisions.
pub(super) fn show(args: &ShowArgs) -> Result<(), UserError> {
    let state = args.common.config.state()?;
    let awaited = state.awaited_by_name(&args.name)?;
    if args.reply {
        let reply = awaited.map(|awaited| awaited.reply).ok_or_else(|| {
            UserError::bad_input(
                format!(
                    "this node has accepted no invite to {} that waits",
                    args.name
                ),
                "see what there is with `psi-node collab list`",
            )
        })?;
        return output::print(&format!("{reply}\n"));
    }
    let collab = match awaited {
        Some(awaited) => awaited.collab,
        None => state
            .collab_by_name(&args.name)?
            .ok_or(StateError::UnknownCollab)?,
    };
    let collab = match args.revision {
        None => collab,
        Some(number) => state
            .collab_revisions(&collab.id())?
            .into_iter()
            .find(|collab| collab.revision() == number)
            .ok_or_else(|| {
                UserError::bad_input(
                    format!(
                        "this node has not joined revision {number} of {}",
                        args.name
                    ),
                    "the revisions that it has joined are those up to the one in force",
                )
            })?,
    };
    if args.document {
        return output::print(&collab.to_toml());
    }
    match args.common.format {
        Format::Json => output::print_json(&document(&state, &collab)?),
        Format::Table => {
            let mut text = format!(
                "{}  {}\nRevision {} {}, mode {}\nCode {}\n",
                collab.name(),
                hex::encode(collab.id()),
                collab.revision(),
                hex::encode(collab.revision_hash()),
                collab.mode(),
                collab.comparison_code(),
            );
            let mut table = Table::new(&["MEMBER", "ADDRESS", "MAY QUERY", "MAY RECEIVE", "ID"]);
            for member in collab.members() {
                table.row([
                    member.name.as_str(),
                    &member.address.to_string(),
                    if member.may_query { "yes" } else { "no" },
                    if member.may_receive { "yes" } else { "no" },
                    &member.id.to_string(),
                ]);
            }
            text.push_str(&table.render());
            if collab.verify().is_err() {
                text.push_str("Accepted here; the inviter's signature is missing\n");
                return output::print(&text);
            }
            let jobs = state.jobs_debited(&collab.id())?;
            // Writing into a String cannot fail.
            let _ = writeln!(text, "Jobs opened so far: {jobs}");
            let _ = match state.collab_standing(&collab.id())? {
                CollabStanding::InForce => Ok(()),
                CollabStanding::Suspended => writeln!(text, "Suspended by this node's owner"),
                CollabStanding::Left => writeln!(text, "Left by this node's owner"),
            };
            if let Some(why) = state.chain_broken(&collab.id())? {
                let _ = writeln!(
                    text,
                    "The receipt log cannot be continued: {}",
                    printable::line(&why)
                );
            }
            output::print(&text)
        }
    }
}

fn document(state: &State, collab: &Collaboration) -> Result<Value, UserError> {
    let members: Vec<Value> = collab
        .members()
        .iter()
        .map(|member| {
            json!({
                "name": member.name,
                "id": member.id,
                "address": member.address.is_dialled().then(|| member.address.to_string()),
                "only_dials": !member.address.is_dialled(),
                "may_query": member.may_query,
                "may_receive": member.may_receive,
            })
        })
        .collect();
    let head = state.chain_head(&collab.id())?;
    Ok(json!({
        "name": collab.name(),
        "id": hex::encode(collab.id()),
        "revision": collab.revision(),
        "revision_hash": hex::encode(collab.revision_hash()),
        "mode": collab.mode(),
        "code": collab.comparison_code(),
        "standing": if collab.verify().is_ok() {
            state.collab_standing(&collab.id())?.as_str()
        } else {
            "awaited"
        },
        "members": members,
        "entries": head.map_or(0, |head| head.seq + 1),
        "jobs_opened": state.jobs_debited(&collab.id())?,
        "broken": state.chain_broken(&collab.id())?,
        "repair_requested": state.chain_repair_requested(&collab.id())?,
    }))
}
