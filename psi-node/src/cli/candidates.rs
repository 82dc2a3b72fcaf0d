//! Names that a shell may complete: this node's collaborations, tables, jobs and requests.
//!
//! Asked while somebody types, by the script that `COMPLETE=bash psi-node` prints. The node is that
//! of `GLOVEBOX_CONFIG`, or of the current folder: what the line says of `--config` is not known
//! here. Reads what is there and makes nothing; whatever cannot be read completes nothing.

use std::path::PathBuf;

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use super::{CONFIG_DEFAULT, CONFIG_VARIABLE};
use crate::config::NodeConfig;
use crate::state::{STATE_FILE, State};

/// Jobs and requests that are offered.
const NEWEST: u32 = 20;

/// Characters of a query beside the job that asked it.
const QUERY_CHARS_MAX: usize = 40;

/// The collaborations that were joined or accepted.
pub fn collabs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(state) = state() else {
            return Vec::new();
        };
        let joined = state.collabs().unwrap_or_default().into_iter();
        let awaited = state.awaited().unwrap_or_default().into_iter();
        let all = joined.chain(awaited.map(|awaited| awaited.collab));
        all.map(|collab| CompletionCandidate::new(collab.name().to_owned()))
            .collect()
    })
}

/// The tables of the configuration.
pub fn tables() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let tables = config().map(|config| config.table).unwrap_or_default();
        tables.into_keys().map(CompletionCandidate::new).collect()
    })
}

/// The newest jobs.
pub fn jobs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let jobs = state().and_then(|state| state.jobs(NEWEST).ok());
        let jobs = jobs.unwrap_or_default().into_iter();
        jobs.map(|job| {
            // A peer may have chosen the text.
            let query: String = job.query.chars().take(QUERY_CHARS_MAX).collect();
            let about = format!("{} {}", job.state.as_str(), crate::printable::line(&query));
            CompletionCandidate::new(job.id).help(Some(about.into()))
        })
        .collect()
    })
}

fn config() -> Option<NodeConfig> {
    let path = std::env::var_os(CONFIG_VARIABLE).map(PathBuf::from);
    NodeConfig::load(&path.unwrap_or_else(|| CONFIG_DEFAULT.into())).ok()
}

fn state() -> Option<State> {
    let folder = config()?.state_dir();
    folder.join(STATE_FILE).exists().then_some(())?;
    State::open(&folder).ok()
}
