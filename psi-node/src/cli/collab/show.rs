//! `psi-node collab list` and `collab show`: what this node has joined.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::ShowArgs;
use crate::cli::Common;
use crate::cli::output::{self, Format, Table, utc};
use crate::collab::Collaboration;
use crate::error::UserError;
use crate::printable;
use crate::state::{AwaitedCollab, CollabStanding, State, StateError, now_unix};

/// Lists the joined collaborations.
pub(super) fn list(args: &Common) -> Result<(), UserError> {
    let state = args.config.state()?;
    let joined = state.collabs()?.into_iter().map(|collab| (collab, None));
    let awaited = state.awaited()?.into_iter();
    let awaited = awaited.map(|awaited| (awaited.collab.clone(), Some(awaited)));
    let all: Vec<_> = joined.chain(awaited).collect();
    match args.format {
        Format::Json => {
            let all = all.iter();
            let all = all.map(|(collab, awaited)| document(&state, collab, awaited.as_ref()));
            output::print_json(&all.collect::<Result<Vec<_>, _>>()?)
        }
        Format::Table => {
            let mut table = Table::new(&[
                "NAME", "REVISION", "MODE", "MEMBERS", "ENTRIES", "STATE", "ID",
            ]);
            for (collab, awaited) in &all {
                let members = collab.members().iter().map(|m| m.name.as_str());
                let head = state.chain_head(&collab.id())?;
                let standing = state.collab_standing(&collab.id())?;
                let log = if let Some(awaited) = awaited {
                    awaited_standing(awaited)
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
        let reply = awaited.as_ref().map(|awaited| &awaited.reply);
        let reply = reply.ok_or_else(|| {
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
    let collab = match &awaited {
        Some(awaited) => awaited.collab.clone(),
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
        Format::Json => output::print_json(&document(&state, &collab, awaited.as_ref())?),
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
            if let Some(awaited) = &awaited {
                text.push_str(&awaited_sentence(awaited));
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

/// How an accepted invite that lacks the inviter's signature stands.
fn awaited_standing(awaited: &AwaitedCollab) -> &'static str {
    if awaited.has_expired(now_unix()) {
        "expired"
    } else {
        "awaited"
    }
}

fn awaited_sentence(awaited: &AwaitedCollab) -> String {
    let until = utc(awaited.expires_unix.min(253_402_300_799));
    if awaited.has_expired(now_unix()) {
        let name = awaited.collab.name();
        return format!(
            "Accepted here, and expired: the invite was valid until {until}, and the inviter's \
             signature did not come. Take it back with `psi-node collab leave {name} --for-good`\n"
        );
    }
    format!(
        "Accepted here; the inviter's signature is missing, and is taken until a day after {until}\n"
    )
}

fn document(
    state: &State,
    collab: &Collaboration,
    awaited: Option<&AwaitedCollab>,
) -> Result<Value, UserError> {
    let members: Vec<Value> = collab
        .members()
        .iter()
        .map(|member| {
            json!({
                "name": member.name,
                "id": member.id.to_string(),
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
        "standing": match awaited {
            None => state.collab_standing(&collab.id())?.as_str(),
            Some(awaited) => awaited_standing(awaited),
        },
        "expires_unix": awaited.map(|awaited| awaited.expires_unix),
        "members": members,
        "entries": head.map_or(0, |head| head.seq + 1),
        "jobs_opened": state.jobs_debited(&collab.id())?,
        "broken": state.chain_broken(&collab.id())?,
        "repair_requested": state.chain_repair_requested(&collab.id())?,
    }))
}
