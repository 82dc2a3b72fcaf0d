//! `psi-node reload`: has the daemon read `node.toml` again.

use std::fmt::Write as _;

use super::output::{self, Format};
use super::{Common, block_on};
use crate::api::client::Client;
use crate::error::UserError;
use crate::exit::Exit;
use crate::printable;
use crate::reload::Reloaded;

/// Runs the command.
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
    Ok(Exit::Released)
}

/// What has changed, a line each.
fn say(done: &Reloaded) -> String {
    let lines = [
        ("loaded", &done.loaded, ""),
        (
            "NOT SERVED",
            &done.not_served,
            "; `psi-node check` says why",
        ),
        ("not served any more", &done.removed, ""),
        ("as before", &done.unchanged, ""),
    ];
    let mut text = format!("{} was read again.\n", done.file);
    for (what, tables, more) in lines {
        for table in tables {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "table {table}: {what}{more}");
        }
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

    #[test]
    fn what_was_taken_over_and_what_needs_a_restart_has_a_line_each() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let text = say(&Reloaded {
            file: "node.toml".into(),
            loaded: names(&["a"]),
            not_served: names(&["b"]),
            unchanged: names(&["c"]),
            removed: names(&["d"]),
            needs_restart: names(&["listen", "jobs_max"]),
        });
        assert_eq!(
            text,
            "node.toml was read again.\n\
             table a: loaded\n\
             table b: NOT SERVED; `psi-node check` says why\n\
             table d: not served any more\n\
             table c: as before\n\
             needs a restart: listen, jobs_max; the node keeps the values that it started with\n"
        );
    }
}
