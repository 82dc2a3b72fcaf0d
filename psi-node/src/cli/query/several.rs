//! `query` with several questions in one file: each is a job of its own, asked one after the other.
//!
//! A question that is refused or suppressed does not keep the others from being asked. What would
//! end all others in the same way does: no daemon, a peer that cannot be reached, Ctrl-C. Budgets,
//! runs and receipts are those of single questions.

use aggregator::Statement;
use psi_core::limits::QUERY_BYTES_MAX;
use serde::Serialize;

use super::QueryFormat;
use crate::cli::output;
use crate::cli::question::{Source, SqlArgs, too_long};
use crate::error::UserError;
use crate::exit::Exit;
use crate::job::outcome::Ended;
use crate::job::outcome::document::ResultDocument;
use crate::printable;

/// Bytes of a file of questions.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Questions in one file.
const QUESTIONS_MAX: usize = 1_000;

/// What there is to ask.
pub(super) enum Questions {
    /// One, as it was written, comments and all.
    One(String),
    /// Several, in their order.
    Several(Vec<Statement>),
}

impl Questions {
    /// Reads the questions.
    ///
    /// # Errors
    /// [`UserError`] if they cannot be read, or one or all of them are too long.
    pub(super) fn read(args: SqlArgs) -> Result<Self, UserError> {
        Self::of(args.read_up_to(FILE_BYTES_MAX)?)
    }

    fn of(source: Source) -> Result<Self, UserError> {
        let Source { text, place } = source;
        let fits = text.len() <= QUERY_BYTES_MAX;
        let found = match aggregator::statements(&text) {
            Ok(found) => found,
            // What is wrong with a single question is said where all questions are judged.
            Err(_) if fits => return Ok(Self::One(text)),
            Err(error) => {
                let what = format!("{place}: {error}");
                return Err(UserError::bad_input(what, error.remedy()));
            }
        };
        if found.len() <= 1 {
            return if fits {
                Ok(Self::One(text))
            } else {
                Err(too_long(&place, QUERY_BYTES_MAX))
            };
        }
        if found.len() > QUESTIONS_MAX {
            return Err(UserError::bad_input(
                format!("{place} holds {} questions", found.len()),
                format!("ask at most {QUESTIONS_MAX} at once"),
            ));
        }
        if let Some(long) = found.iter().find(|one| one.text.len() > QUERY_BYTES_MAX) {
            let place = format!("the question in line {} of {place}", long.at.line);
            return Err(too_long(&place, QUERY_BYTES_MAX));
        }
        Ok(Self::Several(found))
    }
}

/// One line of `--format json`.
#[derive(Serialize)]
struct AnswerLine<'a> {
    /// Which question, counted from 1.
    question: usize,
    /// Where it begins in the file.
    line: u64,
    query: &'a str,
    exit: u8,
    exit_name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a ResultDocument>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
}

/// Asks all `questions` by `ask`, and prints the answer to each as it comes. Returns the exit code
/// of the first that was not answered.
///
/// # Errors
/// [`UserError`] if an answer cannot be printed, or the questions cannot go on.
pub(super) fn ask_all(
    questions: &[Statement],
    format: QueryFormat,
    mut ask: impl FnMut(&str) -> Result<Ended, UserError>,
) -> Result<Exit, UserError> {
    let mut exit = Exit::Released;
    for (index, question) in questions.iter().enumerate() {
        let number = index + 1;
        if format == QueryFormat::Table {
            output::print(&heading(question, number, questions.len()))?;
        }
        let answer = ask(&question.text);
        let ended = match &answer {
            Ok(ended) => Exit::from_number(ended.exit).unwrap_or(Exit::Internal),
            Err(error) => error.exit,
        };
        match format {
            QueryFormat::Json => print_line(question, number, ended, &answer)?,
            QueryFormat::Table | QueryFormat::Csv => match &answer {
                Ok(answer) => super::print_result(&answer.document, format, ended)?,
                Err(error) => output::print_error(error, output::ErrorStyle::Text),
            },
        }
        if exit == Exit::Released {
            exit = ended;
        }
        let left = questions.len() - number;
        if ends_all(ended) && left > 0 {
            output::print_note(&format!(
                "{} not asked",
                output::counted(left, "question was", "questions were")
            ));
            return Ok(ended);
        }
    }
    Ok(exit)
}

/// Whether the questions that follow would end in the same way, or are not to be asked.
const fn ends_all(exit: Exit) -> bool {
    matches!(
        exit,
        Exit::Internal
            | Exit::PeerUnreachable
            | Exit::ProtocolViolation
            | Exit::Interrupted
            | Exit::NoDaemon
            | Exit::ReceiptsWrong
    )
}

/// The line above an answer, with an empty one before it but for the first.
fn heading(question: &Statement, number: usize, of: usize) -> String {
    let before = if number == 1 { "" } else { "\n" };
    let text = output::shortened(&printable::line(&question.text));
    format!(
        "{before}-- {number} of {of}, line {}: {text}\n",
        question.at.line
    )
}

fn print_line(
    question: &Statement,
    number: usize,
    exit: Exit,
    answer: &Result<Ended, UserError>,
) -> Result<(), UserError> {
    let error = answer.as_ref().err();
    let line = AnswerLine {
        question: number,
        line: question.at.line,
        query: &question.text,
        exit: exit.number(),
        exit_name: exit.as_str(),
        result: answer.as_ref().ok().map(|ended| &ended.document),
        error: error.map(|error| error.what.as_str()),
        help: error.map(|error| error.remedy.as_str()),
    };
    let text = serde_json::to_string(&line)
        .map_err(|e| UserError::internal(format!("an answer does not serialise: {e}")))?;
    output::print(&(printable::json(&text) + "\n"))
}

#[cfg(test)]
mod tests {
    use psi_core::limits::QUERY_BYTES_MAX;

    use super::{Questions, ask_all, heading};
    use crate::cli::query::QueryFormat;
    use crate::cli::question::Source;
    use crate::error::UserError;
    use crate::exit::Exit;
    use crate::job::outcome::Ended;
    use crate::job::outcome::document::ResultDocument;

    fn of(text: &str) -> Result<Questions, UserError> {
        Questions::of(Source {
            text: text.to_owned(),
            place: "q.sql".to_owned(),
        })
    }

    #[test]
    fn one_question_stays_as_it_was_written_and_several_are_taken_apart() {
        for text in ["-- May;\nSELECT 1;\n", "SELECT 'open; SELECT 2", "-- none"] {
            let Ok(Questions::One(one)) = of(text) else {
                panic!("{text}");
            };
            assert_eq!(one, text);
        }
        let Ok(Questions::Several(all)) = of("SELECT 1;\n\nSELECT 2") else {
            panic!("two questions");
        };
        assert_eq!(all.len(), 2);
        assert_eq!(heading(&all[1], 2, 2), "\n-- 2 of 2, line 3: SELECT 2\n");
    }

    #[test]
    fn what_is_too_long_or_too_much_is_said_with_its_place() {
        let long = "q".repeat(QUERY_BYTES_MAX + 1);
        for (text, what) in [
            (long.clone(), "q.sql has more than"),
            (format!("SELECT 1;\n{long}"), "line 2 of q.sql"),
            ("SELECT 1;".repeat(1_001), "1001 questions"),
            (format!("SELECT 1; /* {long}"), "q.sql: line 1, column 11"),
        ] {
            let Err(error) = of(&text) else {
                panic!("{what}");
            };
            assert!(error.what.contains(what), "{error}");
        }
    }

    #[test]
    fn a_refused_question_does_not_keep_others_from_being_asked_and_a_lost_peer_does() {
        use Exit::{BadInput, PeerUnreachable, RefusedByPeer, Released};
        let Ok(Questions::Several(all)) = of("a; b; c; d") else {
            panic!("four questions");
        };
        let mut asked = Vec::new();
        let mut run = |ends: &[Exit]| {
            asked.clear();
            let exit = ask_all(&all, QueryFormat::Csv, |sql| {
                asked.push(sql.to_owned());
                match ends[asked.len() - 1] {
                    Exit::BadInput => Err(UserError::bad_input("wrong", "write it right")),
                    exit => Ok(Ended::new(exit, ResultDocument::new("exact"))),
                }
            });
            (exit.unwrap(), asked.len())
        };
        assert_eq!(run(&[Released; 4]), (Released, 4));
        assert_eq!(
            run(&[Released, RefusedByPeer, BadInput, Released]),
            (RefusedByPeer, 4)
        );
        assert_eq!(
            run(&[RefusedByPeer, PeerUnreachable, Released, Released]),
            (PeerUnreachable, 2)
        );
    }
}
