//! How a program runs: reads its arguments, runs one command, prints its error if there is one.
//!
//! Called by `main` of `psi-audit` and of `psi-node`.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{ArgMatches, Parser};
use clap_complete::CompleteEnv;

use crate::error::UserError;
use crate::exit::Exit;
use crate::output::{self, ErrorStyle, Format};

/// Runs the program `P`. `style` says how errors are printed, by the arguments of the innermost
/// command.
pub fn main<P: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
    style: fn(&ArgMatches) -> ErrorStyle,
    run: fn(P) -> Result<Exit, UserError>,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // The shell of somebody who types asks for the words that could come next.
    let here = std::env::current_dir().ok();
    let completing = CompleteEnv::with_factory(P::command);
    match completing.try_complete(arguments.iter(), here.as_deref()) {
        Ok(false) => {}
        Ok(true) => return Exit::Released.into(),
        Err(message) => {
            let _ = message.print();
            return Exit::BadInput.into();
        }
    }
    let parsed = P::command()
        .try_get_matches_from(arguments)
        .and_then(|mut matches| {
            let style = style(innermost(&matches));
            let program = P::from_arg_matches_mut(&mut matches);
            let program = program.map_err(|message| message.format(&mut P::command()))?;
            Ok((program, style))
        });
    let (program, style) = match parsed {
        Ok(parsed) => parsed,
        Err(message) => {
            // Nothing is left to tell anyone if the message itself cannot be printed.
            let _ = message.print();
            return if message.use_stderr() {
                Exit::BadInput
            } else {
                Exit::Released
            }
            .into();
        }
    };
    match run(program) {
        Ok(exit) => exit.into(),
        Err(error) => {
            output::print_error(&error, style);
            error.exit.into()
        }
    }
}

fn innermost(matches: &ArgMatches) -> &ArgMatches {
    matches
        .subcommand()
        .map_or(matches, |(_, inner)| innermost(inner))
}

/// Errors are JSON where `--format json` asked for that, and text for commands without a format.
#[must_use]
pub fn error_style(command: &ArgMatches) -> ErrorStyle {
    match command.try_get_one("format") {
        Ok(Some(Format::Json)) => ErrorStyle::JsonOnStderr,
        _ => ErrorStyle::Text,
    }
}
