//! `psi-node budget`: what populations have lost, what is left, and how often tables were used.
//!
//! Spec 13. Reads the state beside a running daemon, and changes it only in `repair`.

mod show;

use clap::{Args, Subcommand};

use super::candidates;
use super::{Common, ConfigArg, NewestArgs, output, receipts};
use crate::collab::CollabId;
use crate::error::UserError;
use crate::exit::Exit;
use crate::identity::NodeKey;
use crate::state::{State, StateError};

/// What the node's own log calls the owner's statement about the ledger.
const REPAIRED: &str = "ledger_repaired";

/// The commands of `budget`.
#[derive(Debug, Subcommand)]
pub enum BudgetCommand {
    /// Show budgets and runs: spent, reserved, left, and when they are renewed
    #[command(after_help = "Example:\n  psi-node budget show")]
    Show(Common),
    /// List debits, the newest first
    #[command(after_help = "Example:\n  psi-node budget history --limit 10")]
    History(NewestArgs),
    /// Record what happened after the state was restored from a backup
    #[command(
        after_help = "Example:\n  psi-node budget repair --statement \"state restored from the backup of Monday\""
    )]
    Repair(RepairArgs),
}

/// Arguments of `budget repair`.
#[derive(Debug, Args)]
pub struct RepairArgs {
    /// What happened, in your words; this node's own log will hold it, and the logs shared with
    /// members that hold lost entries
    #[arg(long, value_name = "TEXT")]
    pub statement: String,
    /// A collaboration whose other member cannot be reached: debits that only its log holds are
    /// given up. May be repeated
    #[arg(long, value_name = "COLLAB", add = candidates::collabs())]
    pub without: Vec<String>,
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] by command.
pub fn run(command: BudgetCommand) -> Result<Exit, UserError> {
    match command {
        BudgetCommand::Show(args) => show::show(&args),
        BudgetCommand::History(args) => show::history(&args),
        BudgetCommand::Repair(args) => repair(&args),
    }?;
    Ok(Exit::Released)
}

fn repair(args: &RepairArgs) -> Result<(), UserError> {
    let statement = receipts::checked_statement(&args.statement, "state")?;
    let config = args.config.load()?;
    let state = State::open(&config.state_dir())?;
    let key = NodeKey::load(&config.key_path())?;
    let Some(doubt) = state.ledger_doubts()? else {
        return Err(UserError::bad_input(
            "the ledger is not known to need repair",
            "nothing to do; a state that was restored from an older copy is noticed when the other \
             member of a collaboration connects",
        ));
    };
    let without = args
        .without
        .iter()
        .map(|name| {
            Ok(state
                .collab_by_name(name)?
                .ok_or(StateError::UnknownCollab)?
                .id())
        })
        .collect::<Result<Vec<CollabId>, UserError>>()?;
    for collab in state.collabs()? {
        if state.chain_broken(&collab.id())?.is_some() {
            state.chain_repair(&collab.id(), statement)?;
        }
    }
    let mut text = format!("{}; {statement}", doubt.why);
    if !args.without.is_empty() {
        text = format!("{text}; without {}", args.without.join(", "));
    }
    state.note(&key, REPAIRED, &text)?;
    let left = state.ledger_repair(statement, &without)?;
    output::print(&match left {
        None => "Your statement is recorded, and budgets are served again.\n".to_owned(),
        Some(left) => format!(
            "Your statement is recorded. Budgets are served again when these collaborations have \
             been settled with their other member: {}\nThat happens before the next job, and when \
             the node starts.\n",
            show::names(&state, &left.unsettled)?
        ),
    })
}
