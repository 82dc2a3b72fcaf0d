//! `psi-node collab suspend`, `resume` and `leave`: whether this node's owner takes part.
//!
//! A running daemon does it, because it has jobs to end and connections to close. Without one, the
//! state says so to the next.

use super::{LeaveArgs, StandingArgs};
use crate::api::client::Client;
use crate::api::types::CollabChange;
use crate::cli::{ConfigArg, output};
use crate::config::NodeConfig;
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::NodeKey;
use crate::state::{State, TakenBack};
use crate::threads::block_on;

pub(super) fn suspend(args: &StandingArgs) -> Result<(), UserError> {
    let name = &args.name;
    if !change(&args.config, name, CollabChange::Suspend)? {
        return unchanged(name, "is suspended already");
    }
    output::print(&format!(
        "Suspended {name}: its jobs are cancelled, and the other member gets no answer. Take part again \
         with `psi-node collab resume {name}`.\n"
    ))
}

pub(super) fn resume(args: &StandingArgs) -> Result<(), UserError> {
    let name = &args.name;
    if !change(&args.config, name, CollabChange::Resume)? {
        return unchanged(name, "is not suspended");
    }
    output::print(&format!(
        "Resumed {name}: what both members had signed is completed when their nodes meet.\n"
    ))
}

pub(super) fn leave(args: &LeaveArgs) -> Result<(), UserError> {
    let name = &args.name;
    if !args.for_good {
        return Err(UserError::bad_input(
            format!("leaving {name} cannot be taken back"),
            format!(
                "confirm it with --for-good, or suspend it with `psi-node collab suspend {name}`"
            ),
        ));
    }
    let config = args.config.load()?;
    let state = State::open(&config.state_dir())?;
    let mut first = "";
    if let Some(awaited) = state.awaited_by_name(name)? {
        // Either this comes first, or the inviter's signature does: then there is one to leave.
        match state.awaited_take_back(&awaited.collab.id())? {
            TakenBack::Gone => {
                tell_daemon(&config);
                return output::print(&format!(
                    "Took back that this node accepted {name}, before the inviter's signature came: \
                     it does not come into force any more. Tell the other member: where it has \
                     signed, its `psi-node collab ping {name}` says that this node has not joined.\n"
                ));
            }
            TakenBack::NotThere => return unchanged(name, "was taken back before"),
            TakenBack::InForce => first = "The inviter's signature came first. ",
        }
    }
    if !change(&args.config, name, CollabChange::Leave)? {
        return unchanged(name, "was left before");
    }
    output::print(&format!(
        "{first}Left {name}: its jobs are cancelled, and the other member gets no answer any more. Its \
         receipts stay, for `psi-node receipts export`.\n"
    ))
}

fn unchanged(name: &str, stands: &str) -> Result<(), UserError> {
    output::print(&format!("{name} {stands}; nothing was changed.\n"))
}

/// Returns whether the collaboration stood otherwise before.
fn change(config: &ConfigArg, name: &str, change: CollabChange) -> Result<bool, UserError> {
    let config = config.load()?;
    let state = State::open(&config.state_dir())?;
    let Some(collab) = state.collab_by_name(name)? else {
        return Err(UserError::bad_input(
            format!("this node has not joined a collaboration named {name:?}"),
            "list them with `psi-node collab list`",
        ));
    };
    if state.collab_standing(&collab.id())? == change.standing() {
        return Ok(false);
    }
    let client = Client::new(&config.socket_path());
    match block_on(client.change_collaboration(collab.name(), change)) {
        Err(error) if error.exit == Exit::NoDaemon => {}
        other => return other.map(|_| true),
    }
    let key = NodeKey::load(&config.key_path())?;
    state.collab_set_standing(&collab.id(), change.standing(), &key)?;
    Ok(true)
}

/// Has a running daemon admit the members of what was joined. One that runs and does not answer finds
/// it in the state a moment later.
pub(super) fn tell_daemon(config: &NodeConfig) {
    let client = Client::new(&config.socket_path());
    // On a thread of its own, with the runtime: the demo joins where another one runs already.
    let tell = move || drop(block_on(client.collaborations_changed()));
    let _ = std::thread::spawn(tell).join();
}
