//! `psi-node reload`: has the daemon read `node.toml` again.

use std::fmt::Write as _;

use super::Common;
use super::output::{self, Format};
use crate::api::client::Client;
use crate::api::types::ProblemInfo;
use crate::error::UserError;
use crate::exit::Exit;
use crate::printable;
use crate::reload::Reloaded;
use crate::threads::block_on;

/// Runs the command. The exit code is 2 if a table of the file is not served, as it is of `check`.
///
/// # Errors
/// [`UserError`] if the file is not right or no daemon runs. The daemon's settings are as before then.
pub fn run(args: &Common) -> Result<Exit, UserError> {
    let config = args.config.load().map_err(|error| {
        let what = format!("{}; a running node keeps its settings", error.what);
        UserError { what, ..error }
    })?;
    let client = Client::new(&config.socket_path());
    let done = block_on(client.reload())?;
    match args.format {
        Format::Json => output::print_json(&done)?,
        Format::Table => output::print(&printable::lines(&say(&done)))?,
    }
    Ok(if done.problems.is_empty() {
        Exit::Released
    } else {
        Exit::BadInput
    })
}

/// What has changed, a line each.
fn say(done: &Reloaded) -> String {
    let is_failed = |table: &&String| done.problems.iter().any(|failed| failed.name == **table);
    let lines = [
        ("loaded", &done.loaded),
        (
            "not in the file any more, so it is not served",
            &done.removed,
        ),
        ("as before", &done.unchanged),
    ];
    let mut text = format!("{} was read again.\n", done.file);
    for (what, tables) in lines {
        for table in tables.iter().filter(|table| !is_failed(table)) {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "table {table}: {what}");
        }
    }
    for failed in &done.problems {
        let name = &failed.name;
        let what = if done.stopped.contains(name) {
            "NOT SERVED ANY MORE"
        } else if done.unchanged.contains(name) {
            "NOT SERVED, as before"
        } else {
            "NOT SERVED"
        };
        let _ = writeln!(text, "table {name}: {what}");
        for ProblemInfo {
            place,
            what,
            remedy,
        } in &failed.problems
        {
            let _ = writeln!(text, "  problem: {place}: {what}\n  help: {remedy}");
        }
    }
    if !done.problems.is_empty() {
        text.push_str("Correct what is wrong, then run `psi-node reload` again.\n");
    }
    if !done.needs_restart.is_empty() {
        let _ = writeln!(
            text,
            "needs a restart: {}; the node keeps the values that it started with",
            done.needs_restart.join(", ")
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::NotServedInfo;

    #[test]
    fn what_was_taken_over_what_stopped_and_what_needs_a_restart_has_a_line_each() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let failed = |name: &str| NotServedInfo {
            name: name.into(),
            problems: vec![ProblemInfo {
                place: format!("table.{name}.filter"),
                what: "there is no column \"x\"".into(),
                remedy: "write the name as the file has it".into(),
            }],
            section: String::new(),
        };
        let text = say(&Reloaded {
            file: "node.toml".into(),
            loaded: names(&["a"]),
            not_served: names(&["b", "e"]),
            stopped: names(&["b"]),
            problems: vec![failed("b"), failed("e"), failed("f")],
            unchanged: names(&["c", "f"]),
            removed: names(&["d"]),
            needs_restart: names(&["listen", "jobs_max"]),
        });
        assert_eq!(
            text,
            "node.toml was read again.\n\
             table a: loaded\n\
             table d: not in the file any more, so it is not served\n\
             table c: as before\n\
             table b: NOT SERVED ANY MORE\n\
             \x20 problem: table.b.filter: there is no column \"x\"\n\
             \x20 help: write the name as the file has it\n\
             table e: NOT SERVED\n\
             \x20 problem: table.e.filter: there is no column \"x\"\n\
             \x20 help: write the name as the file has it\n\
             table f: NOT SERVED, as before\n\
             \x20 problem: table.f.filter: there is no column \"x\"\n\
             \x20 help: write the name as the file has it\n\
             Correct what is wrong, then run `psi-node reload` again.\n\
             needs a restart: listen, jobs_max; the node keeps the values that it started with\n"
        );
    }
}
