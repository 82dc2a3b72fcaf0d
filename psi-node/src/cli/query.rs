//! `psi-node query`: one question over both members' tables, through the daemon.

mod patience;

use std::borrow::Cow;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::ConfigArg;
use super::output::{self, ErrorStyle};
use super::progress::Bars;
use super::question::QuestionArgs;
use super::template;
use crate::api::client::Client;
use crate::api::types::{Event, NewJob, ResultFor};
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::list::ListFile;
use crate::job::privacy::{Charged, PrivacyDocument};
use crate::job::registry::Ended;
use crate::job::result::{ColumnNote, ResultDocument, SUPPRESSED};
use crate::printable;

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
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// The collaboration
    #[arg(long, value_name = "NAME")]
    pub collab: String,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: QueryFormat,
    /// Ask again until an owner has decided, where one approves each run
    #[arg(long)]
    pub wait: bool,
    /// Who is to get the result
    #[arg(long, value_enum, default_value_t, value_name = "WHO")]
    pub recipients: ResultFor,
    /// In mode dp: the epsilon that the answer may cost [default: 0.1, or less if the own table
    /// allows less]
    #[arg(long, value_name = "NUMBER")]
    pub epsilon: Option<String>,
    /// In mode dp: the delta that the answer may cost [default: 1e-9, or less if the own table
    /// allows less]
    #[arg(long, value_name = "NUMBER")]
    pub delta: Option<String>,
    /// Ask the question of a template of the configuration instead of writing it
    #[arg(long, value_name = "NAME", group = "question")]
    pub template: Option<String>,
    /// A value for a parameter of the template; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub param: Vec<String>,
    /// Where to write the answer, if it is a list: a new file that ends in .csv or .parquet
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file
    #[arg(long, requires = "output")]
    pub force: bool,
    /// The question.
    #[command(flatten)]
    pub question: QuestionArgs,
}

impl QueryArgs {
    /// Errors are documents on standard output where the result would be one.
    #[must_use]
    pub fn error_style(&self) -> ErrorStyle {
        match self.format {
            QueryFormat::Json => ErrorStyle::JsonOnStdout,
            QueryFormat::Table | QueryFormat::Csv => ErrorStyle::Text,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// [`UserError`] if the question could not be put to the daemon, or the answer not printed.
pub fn run(args: QueryArgs) -> Result<Exit, UserError> {
    let config = args.config.load()?;
    let client = Client::new(&config.socket_path());
    let sql = match &args.template {
        Some(name) => template::query(&config, name, &args.param)?,
        None if !args.param.is_empty() => {
            return Err(UserError::bad_input(
                "--param gives values for a template, and none is named",
                "name one with --template, or write the values into the question",
            ));
        }
        None => args.question.read()?,
    };
    let job = NewJob {
        collab: args.collab,
        sql,
        recipients: args.recipients,
        epsilon: args.epsilon,
        delta: args.delta,
        output: args
            .output
            .map(|path| list_file(&path, args.force))
            .transpose()?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| UserError::machine("cannot start the runtime", e))?;
    let ended = runtime.block_on(async {
        if args.wait {
            patience::ask_until_decided(&client, &job).await
        } else {
            ask(&client, &job).await
        }
    })?;
    let exit = Exit::from_number(ended.exit).unwrap_or(Exit::Internal);
    print_result(&ended.document, args.format, exit)?;
    Ok(exit)
}

/// The daemon has a working folder of its own.
fn list_file(path: &Path, overwrite: bool) -> Result<ListFile, UserError> {
    let path = std::path::absolute(path).map_err(|error| {
        UserError::bad_input(
            format!("{} is no path: {error}", path.display()),
            "name a file that ends in .csv or .parquet",
        )
    })?;
    Ok(ListFile { path, overwrite })
}

/// Puts the question and waits for the end of the job, showing progress. Ctrl-C cancels the job;
/// its end is still awaited, a second Ctrl-C is not.
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
            "{} of the own identifiers match; they stand in {}.\n",
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
    for note in &document.notes {
        output::print_note(&say(note));
    }
    for line in document.privacy.iter().flat_map(say_privacy) {
        output::print_note(&line);
    }
    Ok(())
}

/// What an answer with noise has cost, and how far its numbers stray, line by line.
#[must_use]
pub fn say_privacy(privacy: &PrivacyDocument) -> Vec<String> {
    let Charged { own, peer } = &privacy.charged;
    let mut lines = vec![format!(
        "asked for epsilon {}, delta {}; charged here: {}, {}; charged at the other node: {}, {}",
        privacy.epsilon, privacy.delta, own.epsilon, own.delta, peer.epsilon, peer.delta
    )];
    for noise in &privacy.noise {
        let numbers = noise.numbers.iter().map(|number| {
            let of = if noise.direct {
                String::new()
            } else {
                format!("{} ", number.of)
            };
            format!(
                "{of}± {} in 95 of 100 answers (standard deviation {})",
                figure(number.half_width_95),
                figure(number.std_dev)
            )
        });
        let numbers = numbers.collect::<Vec<_>>().join("; ");
        if noise.direct {
            lines.push(format!("{}: {numbers}", noise.column));
        } else if !numbers.is_empty() {
            lines.push(format!("{} is computed from: {numbers}", noise.column));
        }
    }
    lines
}

/// Three digits are enough to read a figure that is itself a measure of uncertainty.
#[must_use]
pub fn figure(value: f64) -> String {
    if value >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// What has to be known to read a column.
#[must_use]
pub fn say(note: &ColumnNote) -> String {
    let mut parts = Vec::new();
    if let Some(decimals) = note.decimals {
        parts.push(format!("values were taken to {decimals} decimals"));
    }
    if note.clamped {
        parts.push("what one identity contributes was clamped".to_owned());
    }
    format!("{}: {}", note.column, parts.join("; "))
}

/// The rows as text. What was suppressed is the word `suppressed`; a suppressed row shows the
/// labels of its groups beside it.
#[must_use]
pub fn render(document: &ResultDocument, format: QueryFormat) -> String {
    let word = || SUPPRESSED.to_owned();
    let rows: Vec<Vec<String>> = if document.status == SUPPRESSED && document.rows.is_empty() {
        vec![document.columns.iter().map(|_| word()).collect()]
    } else {
        let rows = document.rows.iter().enumerate();
        rows.map(|(number, row)| {
            let hidden = document
                .row_status
                .get(number)
                .is_some_and(|status| status == SUPPRESSED);
            let values = row.iter().map(|value| match value {
                // Labels are never null.
                serde_json::Value::Null if hidden => word(),
                value => cell(value, format),
            });
            values.collect()
        })
        .collect()
    };
    if format == QueryFormat::Csv {
        let header = document
            .columns
            .iter()
            .map(|name| csv_field(name))
            .collect();
        let lines = std::iter::once(header).chain(rows);
        return lines.fold(String::new(), |text, line: Vec<String>| {
            text + &line.join(",") + "\n"
        });
    }
    let header: Vec<&str> = document.columns.iter().map(String::as_str).collect();
    let mut table = output::Table::new(&header);
    for (column, numbers) in numeric(document).into_iter().enumerate() {
        if numbers {
            table.align_right(column);
        }
    }
    for row in rows {
        table.row(row);
    }
    table.render()
}

/// Which columns of a table with several rows hold numbers.
fn numeric(document: &ResultDocument) -> Vec<bool> {
    let is_number = |value: &serde_json::Value| match value {
        serde_json::Value::Number(_) | serde_json::Value::Null => true,
        serde_json::Value::String(text) => text.parse::<f64>().is_ok_and(f64::is_finite),
        _ => false,
    };
    let several = document.rows.len() > 1;
    let of = |column: usize| {
        let mut values = document.rows.iter().filter_map(|row| row.get(column));
        several && values.all(is_number)
    };
    (0..document.columns.len()).map(of).collect()
}

fn cell(value: &serde_json::Value, format: QueryFormat) -> String {
    let text = match value {
        serde_json::Value::Null if format == QueryFormat::Csv => String::new(),
        serde_json::Value::Null => "NULL".into(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if format == QueryFormat::Csv {
        csv_field(&text)
    } else {
        text
    }
}

/// What a spreadsheet takes for the beginning of a formula, or skips before one; some take the wide
/// forms for the narrow ones.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A label, a name or a number, quoted as RFC 4180 asks, where it must be. Labels and names are
/// another member's choice: one that a spreadsheet would compute gets a `'` in front.
fn csv_field(text: &str) -> String {
    let is_formula = text.starts_with(FORMULA_STARTS) && !is_number(text);
    let text = if is_formula {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into_owned()
    }
}

/// Whether a text is a number as results hold them: digits, with a `-` and decimals where needed.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    match unsigned.split_once('.') {
        None => digits(unsigned),
        Some((whole, decimals)) => digits(whole) && digits(decimals),
    }
}

#[cfg(test)]
mod tests {
    use super::{ColumnNote, QueryFormat, ResultDocument, render, say};

    fn document(status: &str, rows: Vec<Vec<serde_json::Value>>) -> ResultDocument {
        let mut document = ResultDocument::new("exact");
        document.status = status.into();
        document.columns = vec!["COUNT(*)".into()];
        document.rows = rows;
        document
    }

    #[test]
    fn a_released_count_is_a_table_or_a_csv_of_one_row() {
        let released = document("released", vec![vec![318.into()]]);
        assert_eq!(render(&released, QueryFormat::Table), "COUNT(*)\n318\n");
        assert_eq!(render(&released, QueryFormat::Csv), "COUNT(*)\n318\n");
    }

    #[test]
    fn a_suppressed_result_is_shown_as_suppressed() {
        let suppressed = document("suppressed", Vec::new());
        assert_eq!(
            render(&suppressed, QueryFormat::Table),
            "COUNT(*)\nsuppressed\n"
        );
        assert_eq!(
            render(&suppressed, QueryFormat::Csv),
            "COUNT(*)\nsuppressed\n"
        );
    }

    #[test]
    fn suppressed_rows_show_their_labels_and_numbers_stand_under_each_other() {
        let mut document = document(
            "released",
            vec![
                vec!["north".into(), 318.into(), "1200.50".into()],
                vec![
                    "other".into(),
                    serde_json::Value::Null,
                    serde_json::Value::Null,
                ],
                vec!["south".into(), 7.into(), serde_json::Value::Null],
            ],
        );
        document.columns = vec!["region".into(), "count(*)".into(), "sum(amount)".into()];
        document.row_status = ["released", "suppressed", "released"]
            .map(Into::into)
            .into();
        assert_eq!(
            render(&document, QueryFormat::Table),
            "region    count(*)  sum(amount)\n\
             north          318      1200.50\n\
             other   suppressed   suppressed\n\
             south            7         NULL\n"
        );
        assert_eq!(
            render(&document, QueryFormat::Csv),
            "region,count(*),sum(amount)\nnorth,318,1200.50\nother,suppressed,suppressed\n\
             south,7,\n"
        );
    }

    #[test]
    fn a_note_says_scale_and_clamp() {
        let note = ColumnNote {
            column: "avg(amount)".into(),
            decimals: Some(2),
            clamped: true,
        };
        let text = say(&note);
        assert!(
            text.contains("2 decimals") && text.contains("clamped"),
            "{text}"
        );
    }

    #[test]
    fn csv_labels_that_a_spreadsheet_would_compute_get_an_apostrophe_and_numbers_stay() {
        for (value, field) in [
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("+5", "'+5"),
            ("-north", "'-north"),
            ("-", "'-"),
            ("-2+3", "'-2+3"),
            ("-1.5.0", "'-1.5.0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("＝1", "'＝1"),
            ("=\"a\",b", "\"'=\"\"a\"\",b\""),
            ("-12.50", "-12.50"),
            ("-7", "-7"),
            ("12", "12"),
            ("a=b", "a=b"),
            ("'=1", "'=1"),
        ] {
            let mut document = document("released", vec![vec![value.into()]]);
            document.columns = vec![value.into()];
            let lines = format!("{field}\n{field}\n");
            assert_eq!(render(&document, QueryFormat::Csv), lines);
            let table = render(&document, QueryFormat::Table);
            assert!(!table.contains("'=1") || value == "'=1", "{table}");
        }
        let negative = document("released", vec![vec![(-7).into()]]);
        assert_eq!(render(&negative, QueryFormat::Csv), "COUNT(*)\n-7\n");
    }

    #[test]
    fn csv_fields_are_quoted_where_they_must_be() {
        let odd = document("released", vec![vec!["a,\"b\"".into()]]);
        assert_eq!(
            render(&odd, QueryFormat::Csv),
            "COUNT(*)\n\"a,\"\"b\"\"\"\n"
        );
    }
}
