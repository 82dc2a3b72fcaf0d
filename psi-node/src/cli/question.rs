//! What `query`, `explain` and `policy preview` are asked alike, and where the SQL comes from: the
//! command line, a file or standard input.
//!
//! Every user of the machine can read a command
//! line (`ps`), and the shell keeps it in its history. A query may hold literals that are hidden
//! from the other member, so it can also come from a file or standard input. This module reads, and
//! knows nothing about SQL: comments and blank lines are the parser's.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use clap::Args;
use psi_core::limits::QUERY_BYTES_MAX;

use super::sole_collab::sole_collab;
use super::{ConfigArg, candidates};
use crate::api::types::{NewExplanation, ResultFor};
use crate::error::UserError;
use crate::job::explain::Explanation;
use crate::threads::block_on;

/// A question: in which collaboration, for whom, at what price.
#[derive(Debug, Args)]
pub struct QuestionArgs {
    /// The node.
    #[command(flatten)]
    pub config: ConfigArg,
    /// The collaboration; may be left out if there is only one
    #[arg(long, value_name = "NAME", add = candidates::collabs())]
    pub collab: Option<String>,
    /// Who gets the result
    #[arg(long, value_enum, default_value_t, value_name = "WHO")]
    pub recipients: ResultFor,
    /// In mode dp: the epsilon that the answer may cost [default: 0.1, or less if your table
    /// allows less]
    #[arg(long, value_name = "NUMBER")]
    pub epsilon: Option<String>,
    /// In mode dp: the delta that the answer may cost [default: 1e-9, or less if your table
    /// allows less]
    #[arg(long, value_name = "NUMBER")]
    pub delta: Option<String>,
    /// The SQL.
    #[command(flatten)]
    pub text: SqlArgs,
}

impl QuestionArgs {
    /// Has the daemon explain the question, with the facts of the other node if it is to be asked.
    ///
    /// # Errors
    /// [`UserError`] if the text cannot be read, or the question is refused or cannot be explained.
    pub(super) fn explained(self, with_peer: bool) -> Result<Explanation, UserError> {
        let client = self.config.client()?;
        let sql = self.text.read()?;
        let query = NewExplanation {
            collab: block_on(sole_collab(&client, self.collab))?,
            sql,
            recipients: self.recipients,
            with_peer,
            epsilon: self.epsilon,
            delta: self.delta,
        };
        block_on(client.explain(&query))
    }
}

/// The SQL of a command.
#[derive(Debug, Args)]
#[group(id = "question", required = true, multiple = false)]
pub struct SqlArgs {
    /// Read the question from a file, so that its literals are not on the command line; `query` asks
    /// several if semicolons end them
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The question; a table is written member.table. With `-` it is read from standard input
    #[arg(value_name = "SQL")]
    pub sql: Option<String>,
}

/// A text and where it is from, for messages.
pub(super) struct Source {
    pub(super) text: String,
    pub(super) place: String,
}

impl SqlArgs {
    /// The text of one question.
    ///
    /// # Errors
    /// [`UserError`] if it cannot be read, is longer than a query may be, or is empty.
    pub fn read(self) -> Result<String, UserError> {
        self.read_up_to(QUERY_BYTES_MAX).map(|source| source.text)
    }

    /// The text, of at most `max` bytes.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn read_up_to(self, max: usize) -> Result<Source, UserError> {
        let (text, place) = match (self.sql, self.file) {
            (_, Some(path)) => {
                let place = path.display().to_string();
                let file = File::open(&path).map_err(|e| unreadable(&place, &e))?;
                (read_from(file, &place, max)?, place)
            }
            (Some(sql), None) if sql == "-" => {
                let place = "standard input".to_owned();
                (read_from(io::stdin().lock(), &place, max)?, place)
            }
            // Without a file, the arguments have to hold the question.
            (sql, None) => (sql.unwrap_or_default(), "the command line".to_owned()),
        };
        Ok(Source { text, place })
    }
}

fn read_from(source: impl Read, place: &str, max: usize) -> Result<String, UserError> {
    let mut bytes = Vec::new();
    // One byte more than may be there: a pipe does not tell its length.
    source
        .take(max as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| unreadable(place, &e))?;
    if bytes.len() > max {
        return Err(too_long(place, max));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        UserError::bad_input(
            format!("{place} is not text (UTF-8)"),
            "check that this is the right file",
        )
    })?;
    // The mark that some editors put before the first character.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim().is_empty() {
        return Err(UserError::bad_input(
            format!("{place} holds no question"),
            "write one SELECT, as docs/sql describes it",
        ));
    }
    Ok(text.to_owned())
}

/// A text with more bytes than it may have.
pub(super) fn too_long(place: &str, max: usize) -> UserError {
    let of = if max == QUERY_BYTES_MAX {
        "a query"
    } else {
        "a file of queries"
    };
    UserError::bad_input(
        format!("{place} has more than the {max} bytes of {of}"),
        "check that this is the right text; comments count",
    )
}

fn unreadable(place: &str, error: &io::Error) -> UserError {
    UserError::bad_input(
        format!("cannot read the question from {place}: {error}"),
        "check the path and its permissions, or write the question with `-` to standard input",
    )
}

#[cfg(test)]
mod tests {
    use psi_core::limits::QUERY_BYTES_MAX;

    use super::read_from;

    #[test]
    fn a_question_is_read_as_it_stands_up_to_the_bound_of_queries() {
        let commented = "-- ours\n\n/* for May */\nSELECT COUNT(*)\nFROM a.t\n";
        assert_eq!(
            read_from(commented.as_bytes(), "x", QUERY_BYTES_MAX).unwrap(),
            commented
        );
        let marked = "\u{feff}SELECT 1".as_bytes();
        assert_eq!(read_from(marked, "x", QUERY_BYTES_MAX).unwrap(), "SELECT 1");
        let longest = "q".repeat(QUERY_BYTES_MAX);
        assert_eq!(
            read_from(longest.as_bytes(), "x", QUERY_BYTES_MAX).unwrap(),
            longest
        );

        let endless = std::io::repeat(b'q');
        let error = read_from(endless, "standard input", QUERY_BYTES_MAX).unwrap_err();
        assert!(error.what.contains("16384 bytes"), "{error}");
        for (bytes, what) in [(&b" \n"[..], "no question"), (&[0xff], "UTF-8")] {
            let error = read_from(bytes, "q.sql", QUERY_BYTES_MAX).unwrap_err();
            assert!(error.what.contains(what), "{error}");
            assert!(error.what.contains("q.sql"), "{error}");
        }
    }
}
