//! What commands print: tables and remarks here; text, JSON and errors as `psi-audit` prints them.
//!
//! Text that came from a peer (queries, statements) is escaped by [`crate::printable`] before it
//! reaches a terminal: here for cells and remarks, in [`psi_audit::output`] for errors and JSON, and
//! at the places that put it into a sentence for all else.

use std::io::{self, Write as _};

use aggregator::calendar::day_text;
pub use psi_audit::output::{ErrorStyle, Format, counted, print, print_error, print_json};

use crate::printable;

/// Prints a remark beside the output, on standard error; nothing is left to do if that fails.
pub fn print_note(note: &str) {
    let _ = writeln!(io::stderr(), "note: {}", printable::line(note));
}

/// Rows of text under a header, printed in aligned columns.
#[derive(Debug)]
pub struct Table(comfy_table::Table);

impl Table {
    /// A table with these column names and no rows.
    #[must_use]
    pub fn new(header: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(header.iter().map(|name| printable::line(name)));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self(table)
    }

    /// The cells of this column, counted from 0, are aligned to the right, as numbers are.
    pub fn align_right(&mut self, column: usize) {
        if let Some(column) = self.0.column_mut(column) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
    }

    /// Adds a row; each cell is escaped, and so is one line.
    pub fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let cells = cells.into_iter().map(|cell| printable::line(cell.as_ref()));
        self.0.add_row(cells);
    }

    /// Whether no row was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The table as text.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.trim_fmt() + "\n"
    }
}

/// `unix` seconds as `2026-01-31T12:34:56Z`.
#[must_use]
pub fn utc(unix: i64) -> String {
    let (day, seconds) = (day_text(unix), unix.rem_euclid(86_400));
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{day}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The beginning of a query, for a list.
#[must_use]
pub(crate) fn shortened(query: &str) -> String {
    match query.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", query.get(..end).unwrap_or_default()),
        None => query.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, utc};

    #[test]
    fn columns_are_aligned_and_lines_do_not_end_in_spaces() {
        let mut table = Table::new(&["NAME", "ID"]);
        table.row(["a", "1"]);
        table.row(["longer", ""]);
        assert_eq!(table.render(), "NAME    ID\na       1\nlonger\n");
    }

    #[test]
    fn numbers_can_stand_at_the_right() {
        let mut table = Table::new(&["NAME", "COUNT"]);
        table.align_right(1);
        table.row(["a", "1"]);
        table.row(["b", "1000000"]);
        assert_eq!(
            table.render(),
            "NAME    COUNT\na           1\nb     1000000\n"
        );
    }

    #[test]
    fn cells_and_names_of_columns_are_escaped() {
        let mut table = Table::new(&["NAME", "a\u{202e}b"]);
        table.row(["x\u{1b}[2J\ny", "1"]);
        assert_eq!(
            table.render(),
            "NAME              a\\u{202e}b\nx\\u{1b}[2J\\u{a}y  1\n"
        );
    }

    #[test]
    fn times_are_written_in_utc() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_735_689_599), "2024-12-31T23:59:59Z");
        assert_eq!(utc(-1), "1969-12-31T23:59:59Z");
    }
}
