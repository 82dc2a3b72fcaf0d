//! What an owner should hear when the node starts: settings that work, and are probably not meant.
//!
//! Called by the daemon, at its start and where the configuration is read again. Each warning is a
//! line in the log: what was found, and what to do.

use crate::collab::Collaboration;
use crate::config::NodeConfig;
use crate::identity::NodeId;
use crate::state::{State, StateError, now_unix};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// A node that ran nothing for so many days is rarer than a clock that is wrong.
const AHEAD_DAYS_MAX: i64 = 366;

/// One thing to tell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Warning {
    what: String,
    help: String,
}

/// Writes all that is to be told to the log.
///
/// # Errors
/// [`StateError`] if the state cannot be read.
pub(crate) fn log(config: &NodeConfig, own: &NodeId, state: &State) -> Result<(), StateError> {
    let names = state.collabs_in_force()?;
    let found = [port(config), clock(state.ledger_latest()?, now_unix())];
    let names = names.iter().filter_map(|collab| name(config, own, collab));
    for Warning { what, help } in found.into_iter().flatten().chain(names) {
        tracing::warn!(help, "{what}");
    }
    Ok(())
}

fn port(config: &NodeConfig) -> Option<Warning> {
    (config.listen.port() == 0).then(|| Warning {
        what: "`listen` has port 0: the system chooses another port at each start".into(),
        help: "write the port that the collaborations name, or the other member cannot connect"
            .into(),
    })
}

fn name(config: &NodeConfig, own: &NodeId, collab: &Collaboration) -> Option<Warning> {
    let mut members = collab.members().iter();
    let member = members.find(|member| member.id == *own)?;
    (member.name != config.name).then(|| named(&config.name, &member.name, collab.name()))
}

fn named(here: &str, there: &str, collab: &str) -> Warning {
    Warning {
        what: format!(
            "this node is called `{here}` in node.toml and `{there}` in the collaboration `{collab}`"
        ),
        help: format!(
            "queries under `{collab}` call its tables `{there}.TABLE`; to have one name, set `name` to \
             it in node.toml, or sign a revision of the collaboration"
        ),
    }
}

/// Compares the machine's clock with the latest time of the ledger, which never goes back.
fn clock(latest: Option<i64>, now: i64) -> Option<Warning> {
    let days = now.saturating_sub(latest?) / DAY;
    if days > AHEAD_DAYS_MAX {
        return Some(Warning {
            what: format!("this machine's clock is {days} days after the last job of this node"),
            help: "if the clock is wrong, stop the node and set it before a job runs: budgets are \
                   renewed by it, and the ledger's time never goes back"
                .into(),
        });
    }
    (days < 0).then(|| Warning {
        what: format!(
            "this machine's clock is {} days behind the latest time of the ledger",
            -days
        ),
        help: "set the clock; if it ran ahead before, budgets and limits of runs are renewed only when \
               it passes that time again"
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use super::*;
    use crate::golden;

    fn config(listen: &str) -> NodeConfig {
        let text = format!("name = \"anna\"\nlisten = \"{listen}\"\n");
        NodeConfig::parse(&text, Path::new("node.toml")).unwrap()
    }

    #[test]
    fn texts_of_warnings_are_those_of_the_golden_file() {
        let warnings = [
            port(&config("127.0.0.1:0")).unwrap(),
            named("anna", "anna_gmbh", "summer"),
            clock(Some(0), 400 * DAY).unwrap(),
            clock(Some(400 * DAY), 0).unwrap(),
        ];
        let mut text = String::new();
        for Warning { what, help } in warnings {
            let _ = writeln!(text, "{what}\n    {help}\n");
        }
        golden::check("warnings.txt", &text);
    }

    #[test]
    fn what_is_as_it_should_be_is_not_warned_of() {
        assert_eq!(port(&config("127.0.0.1:7601")), None);
        for (latest, now) in [
            (None, 0),
            (Some(1000), 1000),
            (Some(0), 365 * DAY),
            (Some(1000), 0),
        ] {
            assert_eq!(clock(latest, now), None);
        }
    }
}
