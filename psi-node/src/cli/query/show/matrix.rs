//! An overlap matrix as text: one square for each figure of the answer.
//!
//! Called where a result is printed as a table. A matrix that is wider than a terminal is left to
//! the list of rows.

use super::shown;
use crate::cli::output;
use crate::cli::query::QueryFormat;
use crate::job::outcome::document::{ResultDocument, SUPPRESSED};
use crate::job::outcome::matrix::{Figure, Matrix};
use crate::printable;

/// Groups along the top that a terminal has room for.
const ACROSS_MAX: usize = 16;

/// The squares of a document, if it has a matrix that fits.
pub(super) fn render(document: &ResultDocument) -> Option<String> {
    let matrix = document.matrix.as_ref()?;
    if matrix.across.labels.len() > ACROSS_MAX {
        return None;
    }
    let [down, across] = document.groups.as_slice() else {
        return None;
    };
    let others = (0..document.columns.len()).filter(|column| !document.groups.contains(column));
    let squares = matrix.figures.iter().zip(others).map(|(figure, place)| {
        let places = Places {
            down: *down,
            across: *across,
            figure: place,
        };
        square(document, matrix, figure, &places)
    });
    Some(squares.collect::<Vec<_>>().join("\n"))
}

/// Which columns of the answer a square shows, counted from 0.
struct Places {
    down: usize,
    across: usize,
    figure: usize,
}

fn square(document: &ResultDocument, matrix: &Matrix, figure: &Figure, places: &Places) -> String {
    let (down, across) = (&matrix.down, &matrix.across);
    let text = |column: usize, value: &serde_json::Value, hidden| {
        shown(document, column, value, hidden, QueryFormat::Table)
    };
    let labels = across
        .labels
        .iter()
        .map(|label| text(places.across, label, false));
    let header: Vec<String> = std::iter::once(down.column.clone()).chain(labels).collect();
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = output::Table::new(&header);
    for column in 1..header.len() {
        table.align_right(column);
    }
    let rows = down.labels.iter().zip(&figure.values).zip(&matrix.status);
    for ((label, values), status) in rows {
        let label = text(places.down, label, false);
        let values = values
            .iter()
            .zip(status)
            .map(|(value, status)| text(places.figure, value, status == SUPPRESSED));
        table.row(std::iter::once(label).chain(values));
    }
    format!(
        "{} by {} and {}\n{}",
        printable::line(&figure.column),
        printable::line(&down.column),
        printable::line(&across.column),
        table.render()
    )
}
