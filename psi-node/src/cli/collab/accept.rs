//! `psi-node collab accept`: shows what an invite or a reply says, and signs it if told to.
//!
//! Spec 14 §2 and §3. Everything in the text was chosen by somebody else, so it is checked and
//! escaped before it is shown, and shown before it is signed. Accepting an invite makes the reply;
//! accepting the reply joins the collaboration, and the other node is told when the two meet.

mod what_is_signed;

use std::io::{self, BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use psi_core::contact::{Invite, Reply, Terms};
use psi_core::receipt::Signature;
use serde_json::json;

use self::what_is_signed::describe;
use super::invite::{self, ReachArgs};
use super::standing;
use crate::cli::Common;
use crate::cli::output::{self, Format, utc};
use crate::collab::Collaboration;
use crate::config::NodeConfig;
use crate::error::UserError;
use crate::identity::NodeKey;
use crate::invite::{
    ANY_PREFIX, CLOCKS_APART_SECONDS, Pasted, TEXT_BYTES_MAX, document, expires_unix, parse,
    reply_text,
};
use crate::state::{AwaitedCollab, Joined, State, now_unix};
use psi_audit::text_file::read_text;

/// Arguments of `collab accept`.
#[derive(Debug, Args)]
pub struct AcceptArgs {
    /// The text that the other person sent, a file that holds it, or `-` for standard input
    #[arg(value_name = "TEXT|FILE")]
    pub text: String,
    /// Where this node is reached from there; for an invite
    #[command(flatten)]
    pub reach: ReachArgs,
    /// Only show what the text says
    #[arg(long, conflicts_with = "yes")]
    pub show: bool,
    /// Sign without asking
    #[arg(long)]
    pub yes: bool,
    /// The code that the other person reads out; another one ends the command
    #[arg(long, value_name = "DIGITS")]
    pub code: Option<String>,
    /// Do not say what this node's tables offer, whatever their `catalogue` says
    #[arg(long)]
    pub without_tables: bool,
    /// Write the reply to a file instead of printing it
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

/// This node, as far as it is needed here.
struct Own {
    config: NodeConfig,
    key: NodeKey,
    state: State,
}

pub(super) fn accept(args: &AcceptArgs) -> Result<(), UserError> {
    let pasted = parse(&text(&args.text)?)?;
    let config = args.common.config.load()?;
    let own = Own {
        key: NodeKey::load(&config.key_path())?,
        state: State::open(&config.state_dir())?,
        config,
    };
    match pasted {
        Pasted::Invite(invite) => accept_invite(args, &own, &invite),
        Pasted::Reply(reply) => accept_reply(args, &own, &reply),
    }
}

/// The text itself, or what a file or standard input holds.
fn text(argument: &str) -> Result<String, UserError> {
    if argument.trim_start().starts_with(ANY_PREFIX) {
        return Ok(argument.to_owned());
    }
    if argument != "-" {
        return read_text(Path::new(argument), TEXT_BYTES_MAX as u64, || {
            "paste the text itself in quotes, or name the file that holds it".into()
        });
    }
    let mut text = String::new();
    let most = TEXT_BYTES_MAX as u64 + 1;
    let read = io::stdin().lock().take(most).read_to_string(&mut text);
    read.map_err(|e| {
        UserError::bad_input(
            format!("cannot read standard input: {e}"),
            "pipe the text into the command",
        )
    })?;
    Ok(text)
}

fn accept_invite(args: &AcceptArgs, own: &Own, invite: &Invite) -> Result<(), UserError> {
    let terms = &invite.terms;
    check_guest(terms, &own.config.name)?;
    check_time(terms)?;
    let awaited = own.state.awaited_by_name(&terms.collab)?;
    let address = match &awaited {
        // Accepted before: the reply stays what it was.
        Some(awaited) if args.reach.address.is_none() && !args.reach.only_dials => {
            let member = awaited.collab.member_by_id(&own.key.id());
            member.map(|member| member.address.clone())
        }
        _ => None,
    };
    let address = match address {
        Some(address) => address,
        None => args.reach.address(own.config.listen)?,
    };
    let guest = invite::contact(&own.config, &own.key, &address);
    let collab = document(terms, &guest)?;
    check_names(own, &collab)?;
    let said = describe(
        &own.config,
        own.key.id(),
        &collab,
        terms,
        invite.offer.as_ref(),
    );
    if args.show {
        return show(args, &collab, &said);
    }
    check_code(args, &collab)?;
    confirm(args, &said, "Sign it and make the reply?")?;

    let name = &own.config.name;
    let signature = own.key.sign(&collab.signing_text());
    let mut signed = collab;
    let added = signed.add_signature(name, signature);
    added.map_err(|e| UserError::internal(e.to_string()))?;
    let offer = if args.without_tables {
        None
    } else {
        invite::offer_for(&own.config, Some(&terms.inviter.name))
    };
    let mut reply = Reply {
        terms: terms.clone(),
        invite_signature: invite.signature,
        guest,
        document_signature: signature,
        offer,
        signature: Signature([0; 64]),
    };
    reply.signature = own.key.sign(&reply.signing_text());
    let text = reply_text(&reply);
    let accepted = AwaitedCollab {
        collab: signed,
        reply: text,
        expires_unix: expires_unix(terms),
    };
    own.state.awaited_insert(&accepted)?;
    own.state
        .offer_set(&accepted.collab.id(), invite.offer.as_ref())?;
    standing::tell_daemon(&own.config);
    // The very same one may have been accepted before, with a reply that was sent already.
    let kept = own.state.awaited_by_name(&terms.collab)?;
    let AwaitedCollab { collab, reply, .. } = kept.unwrap_or(accepted);
    let is_joined = own.state.collab_by_id(&collab.id())?.is_some();
    tell_reply(args, &collab, &reply, &terms.inviter.name, is_joined)
}

/// Hands over the reply; `is_joined` is whether the inviter's signature has come meanwhile.
fn tell_reply(
    args: &AcceptArgs,
    collab: &Collaboration,
    reply: &str,
    inviter: &str,
    is_joined: bool,
) -> Result<(), UserError> {
    invite::write(args.output.as_deref(), reply)?;
    let code = collab.comparison_code();
    if args.common.format == Format::Json {
        return output::print_json(&json!({
            "collab": collab.name(),
            "id": hex::encode(collab.id()),
            "code": code,
            "joined": is_joined,
            "text": reply,
        }));
    }
    let name = collab.name();
    let said = if is_joined {
        format!("You have accepted {name} before, and it is in force.")
    } else {
        format!("Accepted {name}. It is in force as soon as {inviter} has accepted the reply.")
    };
    let head = format!(
        "{said}\n  id    {}\n  code  {code}\n",
        hex::encode(collab.id())
    );
    if is_joined && args.output.is_none() {
        return output::print(&format!("{head}Nothing is left to do.\n"));
    }
    let next = format!(
        "Next: send the reply to the person at {inviter}, who runs `psi-node collab accept` with \
         it; compare the code by telephone. `psi-node collab show {name} --reply` prints the reply \
         again.\n"
    );
    match &args.output {
        Some(path) => output::print(&format!("{head}Wrote {}\n{next}", path.display())),
        None => output::print(&format!("{head}{next}\n{reply}\n")),
    }
}

fn accept_reply(args: &AcceptArgs, own: &Own, reply: &Reply) -> Result<(), UserError> {
    let terms = &reply.terms;
    if terms.inviter.node_id != own.key.id() {
        return Err(UserError::bad_input(
            "this is a reply to an invite of another node",
            "check --config; a node that was made anew has a new id, and invites anew",
        ));
    }
    if terms.inviter.name != own.config.name {
        return Err(UserError::bad_input(
            format!(
                "the invite calls this node {:?}, and its configuration {:?}",
                terms.inviter.name, own.config.name
            ),
            "use the same name in both, because queries name tables by it, or invite anew",
        ));
    }
    check_guest(terms, &reply.guest.name)?;
    let mut collab = document(terms, &reply.guest)?;
    let added = collab.add_signature(&reply.guest.name, reply.document_signature);
    added
        .and_then(|()| collab.verify_present())
        .map_err(|e| UserError::bad_input(e.to_string(), "ask for another reply"))?;
    let before = own.state.collab_by_name(collab.name())?;
    let is_again = before.is_some_and(|before| before.id() == collab.id());
    if !is_again {
        check_time(terms)?;
        check_names(own, &collab)?;
    }
    let said = describe(
        &own.config,
        own.key.id(),
        &collab,
        terms,
        reply.offer.as_ref(),
    );
    if args.show {
        return show(args, &collab, &said);
    }
    check_code(args, &collab)?;
    confirm(
        args,
        &said,
        &format!(
            "Does the other side read out {}, and shall this node join?",
            collab.comparison_code()
        ),
    )?;
    let signature = own.key.sign(&collab.signing_text());
    let added = collab.add_signature(&own.config.name, signature);
    added.map_err(|e| UserError::internal(e.to_string()))?;
    let joined = own.state.collab_join(&collab)?;
    own.state.offer_set(&collab.id(), reply.offer.as_ref())?;
    standing::tell_daemon(&own.config);
    let (name, id) = (collab.name(), hex::encode(collab.id()));
    if args.common.format == Format::Json {
        return output::print_json(&json!({
            "collab": name,
            "id": id,
            "code": collab.comparison_code(),
            "joined": true,
        }));
    }
    output::print(&match joined {
        Joined::Already => format!("This node joined {name} before; nothing was changed.\n"),
        Joined::New | Joined::Revised => format!(
            "Joined {name}\n  id    {id}\n  code  {}\nNext: `psi-node serve` on both nodes, then \
             `psi-node collab ping {name}`.\n",
            collab.comparison_code()
        ),
    })
}

/// Whether the member that accepts is the one that is invited.
fn check_guest(terms: &Terms, name: &str) -> Result<(), UserError> {
    match &terms.guest {
        Some(invited) if invited != name => Err(UserError::bad_input(
            format!("the invite is for {invited:?}, and the member that accepts is {name:?}"),
            "use the same name in both: set `name` in node.toml, or ask for another invite",
        )),
        _ => Ok(()),
    }
}

fn check_time(terms: &Terms) -> Result<(), UserError> {
    let now = now_unix();
    let shown = |unix: i64| utc(unix.min(253_402_300_799));
    let until = expires_unix(terms);
    if now > until {
        return Err(UserError::bad_input(
            format!("the invite was valid until {}", shown(until)),
            "ask for another invite",
        ));
    }
    let made = i64::try_from(terms.made_unix).unwrap_or(i64::MAX);
    if now.saturating_add(CLOCKS_APART_SECONDS) < made {
        return Err(UserError::bad_input(
            format!("the invite says that it was made at {}", shown(made)),
            "compare the clocks of both machines",
        ));
    }
    Ok(())
}

/// Refuses, before anything is shown or signed, what the state would not take for its names.
fn check_names(own: &Own, collab: &Collaboration) -> Result<(), UserError> {
    if collab.peer_of(&own.key.id()).is_none() {
        return Err(UserError::bad_input(
            "this node is not a member of what follows from the text",
            "check --config",
        ));
    }
    Ok(own.state.collab_check_names(collab)?)
}

fn show(args: &AcceptArgs, collab: &Collaboration, said: &str) -> Result<(), UserError> {
    if args.common.format == Format::Json {
        let members = collab.members().iter().map(|member| {
            json!({
                "name": member.name,
                "id": member.id.to_string(),
                "address": member.address.is_dialled().then(|| member.address.to_string()),
                "only_dials": !member.address.is_dialled(),
                "may_query": member.may_query,
                "may_receive": member.may_receive,
            })
        });
        return output::print_json(&json!({
            "collab": collab.name(),
            "id": hex::encode(collab.id()),
            "mode": collab.mode(),
            "code": collab.comparison_code(),
            "members": members.collect::<Vec<_>>(),
        }));
    }
    output::print(said)
}

fn check_code(args: &AcceptArgs, collab: &Collaboration) -> Result<(), UserError> {
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let expected = digits(&collab.comparison_code());
    match &args.code {
        Some(code) if digits(code) != expected => Err(UserError::bad_input(
            "the code is not the one of what this text says; nothing was signed",
            "do not go on: somebody may have changed a text on its way. Exchange both again over \
             another channel",
        )),
        _ => Ok(()),
    }
}

/// Asks the person at the terminal, who has seen what is to be signed.
fn confirm(args: &AcceptArgs, said: &str, question: &str) -> Result<(), UserError> {
    if args.yes || args.code.is_some() {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(UserError::bad_input(
            "nobody at a terminal could look at what would be signed",
            "look at it with `--show`, then accept it with `--yes`",
        ));
    }
    let mut answer = String::new();
    let asked = write!(io::stderr(), "{said}\n{question} [y/N] ").and_then(|()| {
        let mut line = io::stdin().lock().take(16);
        line.read_line(&mut answer)
    });
    if asked.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(UserError::bad_input(
        "not accepted; nothing was signed",
        "run the command again to accept it",
    ))
}
