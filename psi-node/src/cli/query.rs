//! `psi-node query`: a question over both members' tables, or several, through the daemon.

mod several;
mod show;
mod wait;

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::output::{self, ErrorStyle};
use super::progress::Bars;
use super::question::QuestionArgs;
use super::sole_collab::sole_collab;
use super::template;
use crate::api::client::Client;
use crate::api::types::{Event, NewJob};
use crate::duration_text::Span;
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::outcome::Ended;
use crate::job::outcome::answer_file::ListFile;
use crate::job::outcome::document::{ResultDocument, SUPPRESSED};
use crate::printable;
use crate::threads::block_on;

pub use show::{figure, render, say, say_privacy};

use several::Questions;

/// How a result is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    /// Aligned columns for people
    #[default]
    Table,
    /// The result document
    Json,
    /// Rows of comma-separated values under a header
    Csv,
}

/// Arguments of `query`.
#[derive(Debug, Args)]
pub struct QueryArgs {
    /// The question.
    #[command(flatten)]
    pub question: QuestionArgs,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: QueryFormat,
    /// Ask again while one of the nodes has no place for another job, or an owner who approves each
    /// run has not decided; for at most this long, such as 10m
    #[arg(long, value_name = "MAX", num_args = 0..=1)]
    pub wait: Option<Option<Span>>,
    /// Ask the question of a template of the configuration instead of writing it
    #[arg(long, value_name = "NAME", group = "question")]
    pub template: Option<String>,
    /// A value for a parameter of the template; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// Where to write the answer, if it is a list: a new file that ends in .csv or .parquet
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "output")]
    pub force: bool,
}

/// The same for every answer that is suppressed as a whole: it says nothing of this one.
const WHY_SUPPRESSED: &str = "too few persons match for an answer. If you expected more, look at how texts in \
                              WHERE are written, capitals too: one that no row has finds nobody";

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the question could not be put to the daemon, or the answer not printed.
pub fn run(args: QueryArgs) -> Result<Exit, UserError> {
    let question = args.question;
    let client = question.config.client()?;
    let questions = match &args.template {
        Some(name) => Questions::One(template::query(
            &question.config.load()?,
            name,
            &args.param,
        )?),
        None if !args.param.is_empty() => {
            return Err(UserError::bad_input(
                "--param gives values for a template, and none is named",
                "name one with --template, or write the values into the question",
            ));
        }
        None => Questions::read(question.text)?,
    };
    let job = NewJob {
        collab: block_on(sole_collab(&client, question.collab))?,
        sql: String::new(),
        recipients: question.recipients,
        epsilon: question.epsilon,
        delta: question.delta,
        output: args
            .output
            .map(|path| list_file(&path, args.force))
            .transpose()?,
    };
    let ask_one = |sql: &str| {
        let job = NewJob {
            sql: sql.to_owned(),
            ..job.clone()
        };
        block_on(async {
            match args.wait {
                Some(max) => wait::ask_until_answered(&client, &job, max).await,
                None => ask(&client, &job).await,
            }
        })
    };
    match questions {
        Questions::One(sql) => {
            let ended = ask_one(&sql)?;
            let exit = Exit::from_number(ended.exit).unwrap_or(Exit::Internal);
            print_result(&ended.document, args.format, exit)?;
            Ok(exit)
        }
        Questions::Several(_) if job.output.is_some() => Err(UserError::bad_input(
            "--output is for the answer to one question, and there are several",
            "ask for each list in a command of its own",
        )),
        Questions::Several(_) if args.format == QueryFormat::Csv => Err(UserError::bad_input(
            "--format csv is for the answer to one question, and there are several",
            "take --format json, which prints one line for each question",
        )),
        Questions::Several(all) => several::ask_all(&all, args.format, ask_one),
    }
}

/// The daemon has a working folder of its own.
fn list_file(path: &Path, overwrite: bool) -> Result<ListFile, UserError> {
    let path = std::path::absolute(path).map_err(|error| {
        UserError::bad_input(
            format!("{} is not a valid path: {error}", path.display()),
            "name a file that ends in .csv or .parquet",
        )
    })?;
    Ok(ListFile { path, overwrite })
}

/// Puts the question and waits for the end of the job, showing progress. Ctrl-C cancels the job,
/// whose end is still awaited; with a second Ctrl-C it is not.
///
/// # Errors
/// [`UserError`] from the daemon, or with [`Exit::Interrupted`].
pub async fn ask(client: &Client, job: &NewJob) -> Result<Ended, UserError> {
    let mut interrupt = signal(SignalKind::interrupt())
        .map_err(|e| UserError::machine("cannot watch for signals", e))?;
    let id = client.new_job(job).await?.id;
    let mut events = client.events(&id).await?;
    let mut bars = Bars::new();
    let mut cancelled = false;
    let result = loop {
        tokio::select! {
            event = events.next() => match event {
                Ok(Some(Event::Progress(snapshot))) => bars.show(&snapshot),
                Ok(Some(Event::Ended(ended))) => break Ok(*ended),
                Ok(None) => break Err(broke_off(&id)),
                Err(error) => break Err(error),
            },
            _ = interrupt.recv() => {
                if cancelled {
                    break Err(interrupted(&id));
                }
                cancelled = true;
                bars.cancelling();
                // It may have ended in this moment; then its end is on the way.
                let _ = client.cancel(&id).await;
            }
        }
    };
    bars.clear();
    match result {
        Ok(ended) if cancelled && ended.document.status == "aborted" => Ok(Ended {
            exit: Exit::Interrupted.number(),
            ..ended
        }),
        other => other,
    }
}

fn broke_off(id: &str) -> UserError {
    UserError::new(
        Exit::Interrupted,
        "the daemon stopped while the job was running",
        format!("start it again and see how the job ended with `psi-node jobs show {id}`"),
    )
}

fn interrupted(id: &str) -> UserError {
    UserError::new(
        Exit::Interrupted,
        "interrupted; the job has been asked to stop",
        format!("see how it ended with `psi-node jobs show {id}`"),
    )
}

/// Prints the document on standard output, and beside a table what happened on standard error.
fn print_result(
    document: &ResultDocument,
    format: QueryFormat,
    exit: Exit,
) -> Result<(), UserError> {
    if format == QueryFormat::Json {
        return output::print_json(document);
    }
    for slip in &document.slips {
        output::print_note(slip);
    }
    if let Some(detail) = &document.detail {
        let error = UserError::new(
            exit,
            detail.as_str(),
            document
                .remedy
                .as_deref()
                .unwrap_or("see `psi-node jobs show`"),
        );
        output::print_error(&error, ErrorStyle::Text);
        return Ok(());
    }
    if let Some(list) = &document.list {
        return output::print(&format!(
            "{} of your identifiers match; they were written to {}.\n",
            list.count, list.file
        ));
    }
    let text = render(document, format);
    // A file gets labels as they are; cells of a table are escaped.
    let on_terminal = format == QueryFormat::Csv && io::stdout().is_terminal();
    output::print(&if on_terminal {
        printable::lines(&text)
    } else {
        text
    })?;
    if document.status == SUPPRESSED {
        output::print_note(WHY_SUPPRESSED);
    }
    for note in &document.notes {
        output::print_note(&say(note));
    }
    for line in document.privacy.iter().flat_map(say_privacy) {
        output::print_note(&line);
    }
    Ok(())
}
