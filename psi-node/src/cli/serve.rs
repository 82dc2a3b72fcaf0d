//! `psi-node serve`: the daemon.
//!
//! Says on standard output what it serves and, last, `listening on ADDRESS`; from then on the
//! local commands work. Everything after that is log, on standard error.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use aggregator::LoadReport;
use clap::Args;
use psi_core::kernel::{self, Choice, Kernel};
use tokio::signal::unix::{SignalKind, signal};
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use super::ConfigArg;
use super::output::{self, counted};
use crate::daemon::{self, Ready};
use crate::error::UserError;
use crate::exit::Exit;
use crate::printable;
use crate::threads;

/// What is logged unless asked otherwise: this program's events, and others' troubles.
const LOG_DEFAULT: &str = "warn,psi_node=info,aggregator=info";
/// From the fewest events to all of them.
const LOG_LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
/// The environment variable that says otherwise.
const LOG_VARIABLE: &str = "RUST_LOG";
/// The environment variable that names the kernel, for comparisons and in case of doubt.
const KERNEL_VARIABLE: &str = "PSI_KERNEL";

/// Arguments of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// What to log on standard error: off, error, warn, info, debug, trace, or a filter such as
    /// `warn,psi_node=debug` (the variable `RUST_LOG` if left out)
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Stop when standard input is closed, so that the node never outlives the one who started it
    #[arg(long, hide = true)]
    pub until_stdin_closes: bool,
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the node cannot start.
pub fn run(args: &ServeArgs) -> Result<Exit, UserError> {
    start_log(args.log_level.as_deref())?;
    let config = args.config.load()?;
    let kernel = kernel_of_environment()?;
    let runtime =
        threads::job_runtime().map_err(|e| UserError::machine("cannot start the runtime", e))?;
    let place = args.config.config.display().to_string();
    let result = runtime.block_on(async {
        let stop = stop_signal(args.until_stdin_closes)?;
        daemon::run(config, kernel, |ready| announce(ready, &place), stop).await
    });
    // Arithmetic of a job that was cut off is not waited for.
    runtime.shutdown_background();
    result
}

/// Resolves at SIGTERM or SIGINT, or at the end of standard input if that is asked for. The
/// handlers are in place when this returns.
fn stop_signal(until_stdin_closes: bool) -> Result<impl Future<Output = ()>, UserError> {
    let handler =
        |kind| signal(kind).map_err(|e| UserError::machine("cannot watch for signals", e));
    let (mut terminate, mut interrupt) = (
        handler(SignalKind::terminate())?,
        handler(SignalKind::interrupt())?,
    );
    let (closed, stdin_closed) = tokio::sync::oneshot::channel();
    if until_stdin_closes {
        // A thread of its own: reading standard input cannot be cancelled.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = closed.send(());
        });
    } else {
        // Never resolves, also not by being dropped.
        std::mem::forget(closed);
    }
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = stdin_closed => {}
        }
    })
}

/// The kernel that the environment names; the fastest of this machine if it names none.
pub(super) fn kernel_of_environment() -> Result<Arc<dyn Kernel>, UserError> {
    chosen_kernel(std::env::var(KERNEL_VARIABLE).ok().as_deref())
}

/// The kernel that the variable names; the fastest of this machine if it is not set or empty.
fn chosen_kernel(word: Option<&str>) -> Result<Arc<dyn Kernel>, UserError> {
    let remedy = format!("unset {KERNEL_VARIABLE}, or set it to `portable`");
    let choice = match word {
        None | Some("") => Choice::Auto,
        Some(word) => word.parse().map_err(|e| {
            UserError::bad_input(format!("{KERNEL_VARIABLE}: `{word}`: {e}"), &remedy)
        })?,
    };
    kernel::select(choice)
        .map_err(|e| UserError::bad_input(format!("{KERNEL_VARIABLE}: {e}"), remedy))
}

/// Sends log events to standard error, without colours unless that is a terminal.
fn start_log(level: Option<&str>) -> Result<(), UserError> {
    let from_environment = std::env::var(LOG_VARIABLE)
        .ok()
        .filter(|text| !text.is_empty());
    let filter = log_filter(level, from_environment.as_deref())?;
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_target(false)
        .fmt_fields(debug_fn(show_field))
        .init();
    Ok(())
}

/// What is logged: as the argument says, or else the variable.
fn log_filter(argument: Option<&str>, variable: Option<&str>) -> Result<EnvFilter, UserError> {
    let (text, place) = match (argument, variable) {
        (Some(level), _) if is_level(level) => (
            format!("warn,psi_node={level},aggregator={level}"),
            "--log-level",
        ),
        (Some(filter), _) => (filter.to_owned(), "--log-level"),
        (None, Some(filter)) => (filter.to_owned(), LOG_VARIABLE),
        (None, None) => (LOG_DEFAULT.to_owned(), LOG_VARIABLE),
    };
    let refuse = |why: String| {
        UserError::bad_input(
            format!("{place}: {why}"),
            format!(
                "use {}, or a filter such as `warn,psi_node=debug`",
                LOG_LEVELS.join(", ")
            ),
        )
    };
    // The library takes a single word for the name of a module, and logs nothing of any other.
    let words = text.split(',').map(str::trim);
    let named = |word: &&str| !word.contains(['=', '[', ':']) && !word.is_empty();
    if let Some(word) = words.filter(named).find(|word| !is_level(word)) {
        return Err(refuse(format!("`{word}` is not a level")));
    }
    EnvFilter::try_new(&text)
        .map_err(|e| refuse(format!("`{text}` is not a valid log filter: {e}")))
}

fn is_level(word: &str) -> bool {
    LOG_LEVELS.contains(&word)
}

/// Writes one field of an event. Messages and errors may quote what a peer chose.
fn show_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let value = printable::line(&format!("{value:?}"));
    match field.name() {
        "message" => writer.write_str(&value),
        // What a library that logs by other means says of its source.
        name if name.starts_with("log.") => Ok(()),
        name => write!(writer, " {name}={value}"),
    }
}

fn announce(ready: &Ready, config: &str) -> Result<(), UserError> {
    let mut text = describe(&ready.report);
    // Writing into a String cannot fail.
    if ready.report.tables.is_empty() {
        let _ = writeln!(text, "no table is served: describe one in {config}");
    }
    let (id, socket, listen) = (ready.id, ready.socket.display(), ready.listen);
    let _ = writeln!(
        text,
        "node id {id}\nlocal API {socket}\nlistening on {listen}"
    );
    output::print(&text)
}

/// What is served and with which public sizes, and what is not served and why.
fn describe(report: &LoadReport) -> String {
    let mut text = String::new();
    for table in &report.tables {
        // Writing into a String cannot fail.
        if !table.is_served() {
            let _ = writeln!(text, "table {}: NOT SERVED", table.name);
            for problem in &table.problems {
                let _ = writeln!(
                    text,
                    "  {}: {}\n    help: {}",
                    problem.place, problem.what, problem.remedy
                );
            }
            continue;
        }
        let _ = writeln!(
            text,
            "table {}: {} in {}",
            table.name,
            counted(table.rows, "row", "rows"),
            counted(table.files.len(), "file", "files")
        );
        for key in &table.keys {
            let origin = if key.derived {
                "derived from the data; fix it with `identities`"
            } else {
                "configured"
            };
            let _ = writeln!(
                text,
                "  key ({}): {} registered ({origin}), {} in the data, {} without",
                key.columns.join(", "),
                counted(key.identities, "identity", "identities"),
                key.distinct,
                counted(key.nulls, "row", "rows")
            );
        }
        for note in &table.notes {
            let _ = writeln!(text, "  note: {note}");
        }
    }
    printable::lines(&text)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::format::debug_fn;

    use super::{chosen_kernel, log_filter, show_field};
    use crate::exit::Exit;

    /// What a log was given.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_log_shows_what_a_peer_chose_in_one_line_and_in_its_order() {
        let sink = Sink::default();
        let copy = sink.clone();
        let log = tracing_subscriber::fmt()
            .with_writer(move || copy.clone())
            .without_time()
            .with_ansi(false)
            .with_target(false)
            .fmt_fields(debug_fn(show_field))
            .finish();
        tracing::subscriber::with_default(log, || {
            let failure = "the column `a\u{202e}b\u{1b}[2J\nINFO` is not known";
            tracing::warn!(jobs = 2, %failure, "proposal refused");
        });
        let logged = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            logged,
            " WARN proposal refused jobs=2 failure=the column `a\\u{202e}b\\u{1b}[2J\\u{a}INFO` is \
             not known\n"
        );
    }

    #[test]
    fn a_word_that_is_no_level_is_refused_with_the_levels() {
        for (argument, variable, place) in [
            (Some("loud"), None, "--log-level: `loud`"),
            (Some("warn,loud"), None, "--log-level: `loud`"),
            (Some("psi_node=loud"), None, "--log-level: `psi_node=loud`"),
            (None, Some("verbose"), "RUST_LOG: `verbose`"),
        ] {
            let error = log_filter(argument, variable).unwrap_err();
            assert!(error.what.starts_with(place), "{error}");
            assert!(
                error
                    .remedy
                    .contains("off, error, warn, info, debug, trace")
            );
        }
        for (argument, variable) in [
            (None, None),
            (Some("debug"), Some("loud")),
            (Some("warn,psi_node=debug"), None),
            (Some("psi_node[{job=1}]=trace"), None),
            (None, Some("psi_node::job=info, error")),
        ] {
            log_filter(argument, variable).unwrap();
        }
    }

    #[test]
    fn the_kernel_is_the_one_that_the_variable_names() {
        assert_eq!(chosen_kernel(Some("portable")).unwrap().name(), "portable");
        let automatic = chosen_kernel(None).unwrap().name();
        assert_eq!(chosen_kernel(Some("")).unwrap().name(), automatic);
        assert_eq!(chosen_kernel(Some("auto")).unwrap().name(), automatic);
    }

    #[test]
    fn an_unknown_or_missing_kernel_is_an_error_with_a_remedy() {
        let Err(unknown) = chosen_kernel(Some("fast")) else {
            panic!("no kernel has this name");
        };
        assert_eq!(unknown.exit, Exit::BadInput);
        assert!(unknown.what.contains("PSI_KERNEL: `fast`"), "{unknown}");
        assert!(unknown.remedy.contains("`portable`"), "{}", unknown.remedy);
        for name in ["avx2", "ifma"] {
            match chosen_kernel(Some(name)) {
                Ok(kernel) => assert_eq!(kernel.name(), name),
                Err(missing) => assert!(missing.what.contains("needs an x86-64"), "{missing}"),
            }
        }
    }
}
