//! `psi-node collab`: invite and accept, or make, sign and join collaborations; revise, suspend and
//! leave them.

mod accept;
mod invite;
mod offer_text;
mod ping;
mod show;
mod standing;

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use psi_audit::address::AddressError;

use super::output::{self, counted};
use super::{Common, ConfigArg, candidates};
use crate::collab::{Collaboration, Member, Mode, signature_section};
use crate::durable_file;
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::{NodeKey, parse_node_id};
use crate::state::{CollabStanding, Joined, State, StateError};

/// The commands of `collab`.
#[derive(Debug, Subcommand)]
pub enum CollabCommand {
    /// Invite another member: prints a text to send to it
    #[command(
        after_help = "Example:\n  psi-node collab invite --name summer --address node.example.org -o invite.txt"
    )]
    Invite(invite::InviteArgs),
    /// Accept an invite, or the reply to one, after showing what it says
    #[command(
        after_help = "Example:\n  psi-node collab accept invite.txt --address node.example.org -o reply.txt"
    )]
    Accept(accept::AcceptArgs),
    /// Ask whether the other member is there and has joined
    #[command(after_help = "Example:\n  psi-node collab ping summer")]
    Ping(ping::PingArgs),
    /// Ask what the other member's tables offer this one
    #[command(after_help = "Example:\n  psi-node collab tables summer")]
    Tables(ping::TablesArgs),
    /// Write a new, unsigned collaboration document
    #[command(
        after_help = "Example:\n  psi-node collab new --name summer --member snowy=ID@198.51.100.7:7401 --member brand=ID@node.example.org:7402 -o summer.toml"
    )]
    New(NewArgs),
    /// Add this node's signature to a document
    #[command(after_help = "Example:\n  psi-node collab sign summer.toml")]
    Sign(FileArgs),
    /// Check all signatures and take the collaboration, or its next revision, into this node's state
    #[command(after_help = "Example:\n  psi-node collab join summer.toml")]
    Join(FileArgs),
    /// Write the next, unsigned revision of a joined collaboration, to be edited and signed
    #[command(after_help = "Example:\n  psi-node collab revise summer -o summer-2.toml")]
    Revise(ReviseArgs),
    /// Stop taking part in a collaboration for now; needs no consent of the other member
    #[command(after_help = "Example:\n  psi-node collab suspend summer")]
    Suspend(StandingArgs),
    /// Take part again in a collaboration that was suspended
    #[command(after_help = "Example:\n  psi-node collab resume summer")]
    Resume(StandingArgs),
    /// Leave a collaboration for good; needs no consent of the other member
    #[command(after_help = "Example:\n  psi-node collab leave summer --for-good")]
    Leave(LeaveArgs),
    /// List the collaborations this node has joined
    #[command(after_help = "Example:\n  psi-node collab list --format json")]
    List(Common),
    /// Show one collaboration this node has joined
    #[command(after_help = "Example:\n  psi-node collab show summer --document")]
    Show(ShowArgs),
}

/// Arguments of `collab new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The collaboration's name
    #[arg(long)]
    pub name: String,
    /// A member; give two. ADDRESS is where its node is reached: an IP address or a DNS name with a
    /// port, or `only_dials` for a node that nobody can reach
    #[arg(long = "member", value_name = "NAME=ID@ADDRESS", required = true)]
    pub members: Vec<String>,
    /// A member that may not ask questions (repeatable)
    #[arg(long, value_name = "NAME")]
    pub no_query: Vec<String>,
    /// A member that may not receive results (repeatable)
    #[arg(long, value_name = "NAME")]
    pub no_receive: Vec<String>,
    /// How jobs protect their answers
    #[arg(long, value_enum, default_value_t)]
    pub mode: Mode,
    /// Where to write the document
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
}

/// Arguments of `collab revise`.
#[derive(Debug, Args)]
pub struct ReviseArgs {
    /// The collaboration's name
    #[arg(add = candidates::collabs())]
    pub name: String,
    /// Where to write the document
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Arguments of `collab sign` and `collab join`.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// The collaboration document
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Arguments of `collab suspend` and `collab resume`.
#[derive(Debug, Args)]
pub struct StandingArgs {
    /// The collaboration's name
    #[arg(add = candidates::collabs())]
    pub name: String,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Arguments of `collab leave`.
#[derive(Debug, Args)]
pub struct LeaveArgs {
    /// The collaboration's name
    #[arg(add = candidates::collabs())]
    pub name: String,
    /// Confirm that this cannot be taken back
    #[arg(long)]
    pub for_good: bool,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Arguments of `collab show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// The collaboration's name
    #[arg(add = candidates::collabs())]
    pub name: String,
    /// Print the signed document itself, for a member that lacks it
    #[arg(long, conflicts_with = "format")]
    pub document: bool,
    /// Print the reply to the invite that this node has accepted, for an inviter that lacks it
    #[arg(long, conflicts_with_all = ["document", "revision", "format"])]
    pub reply: bool,
    /// The revision; the one in force if it is left out
    #[arg(long, value_name = "NUMBER")]
    pub revision: Option<u32>,
    /// Node and format.
    #[command(flatten)]
    pub common: Common,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] by command.
pub fn run(command: CollabCommand) -> Result<Exit, UserError> {
    match command {
        CollabCommand::Invite(args) => invite::invite(&args),
        CollabCommand::Accept(args) => accept::accept(&args),
        CollabCommand::Ping(args) => ping::ping(&args),
        CollabCommand::Tables(args) => ping::tables(&args),
        CollabCommand::New(args) => new(&args),
        CollabCommand::Sign(args) => sign(&args),
        CollabCommand::Join(args) => join(&args),
        CollabCommand::Revise(args) => revise(&args),
        CollabCommand::Suspend(args) => standing::suspend(&args),
        CollabCommand::Resume(args) => standing::resume(&args),
        CollabCommand::Leave(args) => standing::leave(&args),
        CollabCommand::List(args) => show::list(&args),
        CollabCommand::Show(args) => show::show(&args),
    }?;
    Ok(Exit::Released)
}

fn new(args: &NewArgs) -> Result<(), UserError> {
    let mut members = Vec::new();
    for text in &args.members {
        let mut member = parse_member(text)?;
        member.may_query = !args.no_query.contains(&member.name);
        member.may_receive = !args.no_receive.contains(&member.name);
        members.push(member);
    }
    for name in args.no_query.iter().chain(&args.no_receive) {
        if members.iter().all(|member| member.name != *name) {
            return Err(UserError::bad_input(
                format!("{name:?} is not the name of a --member"),
                "spell it as in --member",
            ));
        }
    }
    let members: [Member; 2] = members.try_into().map_err(|members: Vec<Member>| {
        UserError::bad_input(
            format!(
                "a collaboration has two members, and --member was given {}",
                counted(members.len(), "time", "times")
            ),
            MEMBER_REMEDY,
        )
    })?;
    let collab = Collaboration::new(&args.name, members)
        .map_err(|e| UserError::bad_input(e.to_string(), e.remedy()))?
        .with_mode(args.mode);
    let path = &args.output;
    write_new(path, &collab)?;
    output::print(&format!(
        "Wrote {file}\n  id  {id}\nNext: each member runs `psi-node collab sign {file}`, then both \
         run `psi-node collab join {file}`.\n",
        file = path.display(),
        id = hex::encode(collab.id()),
    ))
}

fn revise(args: &ReviseArgs) -> Result<(), UserError> {
    let state = args.config.state()?;
    let joined = state
        .collab_by_name(&args.name)?
        .ok_or(StateError::UnknownCollab)?;
    if state.collab_standing(&joined.id())? == CollabStanding::Left {
        return Err(StateError::CollabLeft(args.name.clone()).into());
    }
    let Some(next) = joined.next_revision() else {
        return Err(UserError::bad_input(
            "there is no revision after this one",
            "make a new collaboration with `psi-node collab new`",
        ));
    };
    let path = &args.output;
    write_new(path, &next)?;
    output::print(&format!(
        "Wrote {file}, revision {number} of {name}\nNext: edit it (addresses, may_query, \
         may_receive, mode); then each member runs `psi-node collab sign {file}`, then both run \
         `psi-node collab join {file}`.\n",
        file = path.display(),
        number = next.revision(),
        name = next.name(),
    ))
}

/// Writes a document where no file is.
fn write_new(path: &Path, collab: &Collaboration) -> Result<(), UserError> {
    durable_file::create(path, collab.to_toml().as_bytes(), durable_file::PUBLIC).map_err(|e| {
        match e.kind() {
            io::ErrorKind::AlreadyExists => UserError::bad_input(
                format!("{} exists already", path.display()),
                "choose another file, or remove that one first; nothing was changed",
            ),
            _ => UserError::machine(format!("cannot write {}", path.display()), e),
        }
    })
}

const MEMBER_REMEDY: &str = "give two members as --member NAME=ID@ADDRESS:PORT, or NAME=ID@only_dials; `psi-node id` prints a \
                             node's ID";

fn parse_member(text: &str) -> Result<Member, UserError> {
    let wrong =
        |what: &str| UserError::bad_input(format!("--member {text}: {what}"), MEMBER_REMEDY);
    let (name, rest) = text
        .split_once('=')
        .ok_or_else(|| wrong("there is no `=`"))?;
    let (id, address) = rest
        .split_once('@')
        .ok_or_else(|| wrong("there is no `@`"))?;
    Ok(Member {
        name: name.to_owned(),
        id: parse_node_id(id).map_err(|e| wrong(&e.to_string()))?,
        address: address
            .parse()
            .map_err(|e: AddressError| wrong(&e.to_string()))?,
        may_query: true,
        may_receive: true,
    })
}

fn sign(args: &FileArgs) -> Result<(), UserError> {
    let key = NodeKey::load(&args.config.load()?.key_path())?;
    let path = &args.file;
    let (collab, text) = Collaboration::read(path)?;
    let member = own_member(&collab, &key, path)?.clone();
    collab.verify_present().map_err(|e| e.at(path))?;
    if collab.has_signed(&member.name) {
        return output::print(&format!(
            "{} bears the signature of {} already.\n",
            path.display(),
            member.name
        ));
    }
    let signature = key
        .sign_collab(&collab)
        .ok_or_else(|| UserError::internal("a member that may not sign"))?;
    // Appended, so that comments by the members stay.
    let mut signed = text;
    if !signed.ends_with('\n') {
        signed.push('\n');
    }
    signed.push_str(&signature_section(&member.name, &signature));
    let again = Collaboration::parse(&signed, path)?;
    again.verify_present().map_err(|e| e.at(path))?;
    durable_file::replace(path, signed.as_bytes(), durable_file::PUBLIC)
        .map_err(|e| UserError::machine(format!("cannot write {}", path.display()), e))?;
    let next = match again.verify() {
        Ok(()) => "both signatures are there: both members run `psi-node collab join`".to_owned(),
        Err(error) => error.remedy(),
    };
    output::print(&format!(
        "Signed {} as {}.\nNext: {next}.\n",
        path.display(),
        member.name
    ))
}

fn join(args: &FileArgs) -> Result<(), UserError> {
    let config = args.config.load()?;
    let key = NodeKey::load(&config.key_path())?;
    let path = &args.file;
    let (collab, _) = Collaboration::read(path)?;
    collab.verify().map_err(|e| e.at(path))?;
    let member = own_member(&collab, &key, path)?;
    if member.name != config.name {
        return Err(UserError::bad_input(
            format!(
                "{} calls this node {:?}, and its configuration {:?}",
                path.display(),
                member.name,
                config.name
            ),
            "use the same name in both, because queries name tables by it",
        ));
    }
    let joined = State::open(&config.state_dir())?.collab_join(&collab)?;
    standing::tell_daemon(&config);
    let (name, id) = (collab.name(), hex::encode(collab.id()));
    output::print(&match joined {
        Joined::New => format!("Joined {name} as {}\n  id  {id}\n", member.name),
        Joined::Revised => format!(
            "Joined revision {} of {name}. Jobs that are running keep theirs; new ones need both \
             members on this revision.\n",
            collab.revision()
        ),
        Joined::Already => format!("This node joined {name} before; nothing was changed.\n"),
    })
}

fn own_member<'a>(
    collab: &'a Collaboration,
    key: &NodeKey,
    path: &Path,
) -> Result<&'a Member, UserError> {
    collab.member_by_id(&key.id()).ok_or_else(|| {
        UserError::bad_input(
            format!(
                "{}: this node (id {}) is not a member",
                path.display(),
                key.id()
            ),
            "check --config; a node that was made anew has a new id and needs a new collaboration",
        )
    })
}
