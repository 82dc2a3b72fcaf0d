//! Generated tables of distinct identifiers, `id`, that look random and are a function of a row
//! number, so that the overlap of two tables is known; with values beside them where they are asked
//! for.
//!
//! Files are written in pieces of a fixed size, so memory does not grow with the table. Making
//! them is never part of a measurement.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use clap::ValueEnum;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Outcome};

/// Rows of one row group: a few megabytes of identifiers.
const GROUP_ROWS: u64 = 1 << 16;

/// What the identifiers look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum IdKind {
    /// 64 hexadecimal digits, like the SHA-256 of an e-mail address
    Hex,
    /// Whole numbers of up to 19 digits
    Int,
    /// E-mail addresses of about 30 characters
    Email,
}

impl IdKind {
    /// The identifier kind of the key in `node.toml`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Int => "int",
            Self::Email => "email",
        }
    }

    /// The identifier of row `row` as text.
    pub(crate) fn text(self, row: u64) -> String {
        let id = spread(row);
        match self {
            Self::Hex => {
                let [a, b, c] = [1, 2, 3].map(|n| spread(id ^ (n << 40)));
                format!("{id:016x}{a:016x}{b:016x}{c:016x}")
            }
            Self::Int => id.to_string(),
            Self::Email => format!("{id:016x}@mail.example"),
        }
    }
}

/// The format of the tables' files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Source {
    /// Parquet, compressed with Snappy
    Parquet,
    /// Comma-separated values
    Csv,
}

impl Source {
    pub(crate) const fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
        }
    }
}

/// Writes a table of the rows with these numbers. With `regions` it has the columns `amount` and
/// `region` too, whatever the number; they are those of a Sender.
///
/// # Errors
/// The file system's.
pub(crate) fn write_table(
    path: &Path,
    source: Source,
    kind: IdKind,
    rows: Range<u64>,
    regions: Option<u64>,
) -> Outcome<()> {
    match (source, regions) {
        (Source::Parquet, _) => write_parquet(path, kind, rows, regions),
        (Source::Csv, None) => write_lines(path, "id\n", kind, rows),
        (Source::Csv, Some(regions)) => write_values(path, kind, rows, regions),
    }
}

fn write_values(path: &Path, kind: IdKind, rows: Range<u64>, regions: u64) -> Outcome<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "id,amount,region")?;
    for row in rows {
        let region = region_name(region(row, regions));
        writeln!(file, "{},{},{region}", kind.text(row), amount(row))?;
    }
    Ok(file.flush()?)
}

/// Writes `head` and then one identifier a line.
///
/// # Errors
/// The file system's.
pub(crate) fn write_lines(path: &Path, head: &str, kind: IdKind, rows: Range<u64>) -> Outcome<()> {
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(head.as_bytes())?;
    for row in rows {
        writeln!(file, "{}", kind.text(row))?;
    }
    Ok(file.flush()?)
}

fn write_parquet(path: &Path, kind: IdKind, rows: Range<u64>, regions: Option<u64>) -> Outcome<()> {
    let id = match kind {
        IdKind::Int => "required int64 id;",
        IdKind::Hex | IdKind::Email => "required binary id (STRING);",
    };
    let values = match regions {
        None => "",
        Some(_) => " required int64 amount; required binary region (STRING);",
    };
    let schema = Arc::new(parse_message_type(&format!(
        "message ids {{ {id}{values} }}"
    ))?);
    // No value repeats, so a dictionary would only cost memory.
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = SerializedFileWriter::new(File::create(path)?, schema, Arc::new(properties))?;
    let mut start = rows.start;
    while start < rows.end {
        let end = rows.end.min(start.saturating_add(GROUP_ROWS));
        let mut group = writer.next_row_group()?;
        if kind == IdKind::Int {
            write_numbers(&mut group, (start..end).map(spread))?;
        } else {
            write_texts(&mut group, (start..end).map(|row| kind.text(row)))?;
        }
        if let Some(regions) = regions {
            write_numbers(&mut group, (start..end).map(amount))?;
            let names = (start..end).map(|row| region_name(region(row, regions)));
            write_texts(&mut group, names)?;
        }
        group.close()?;
        start = end;
    }
    writer.close()?;
    Ok(())
}

type Group<'a> = SerializedRowGroupWriter<'a, File>;

fn write_numbers(group: &mut Group<'_>, values: impl Iterator<Item = u64>) -> Outcome<()> {
    let values: Vec<i64> = values.map(u64::cast_signed).collect();
    let mut column = group.next_column()?.ok_or_else(too_few_columns)?;
    column
        .typed::<Int64Type>()
        .write_batch(&values, None, None)?;
    Ok(column.close()?)
}

fn write_texts(group: &mut Group<'_>, values: impl Iterator<Item = String>) -> Outcome<()> {
    let values: Vec<ByteArray> = values
        .map(|text| ByteArray::from(text.into_bytes()))
        .collect();
    let mut column = group.next_column()?.ok_or_else(too_few_columns)?;
    column
        .typed::<ByteArrayType>()
        .write_batch(&values, None, None)?;
    Ok(column.close()?)
}

fn too_few_columns() -> Failure {
    Failure::other("the schema has fewer columns than are written")
}

/// Amounts lie in 0 to one less.
const AMOUNTS: u64 = 1_000;

/// The amount of a row.
pub(crate) const fn amount(row: u64) -> u64 {
    spread(row ^ (1 << 50)) % AMOUNTS
}

/// The number of a row's region, of so many.
pub(crate) const fn region(row: u64, groups: u64) -> u64 {
    spread(row ^ (1 << 51)) % groups
}

/// The region's name.
pub(crate) fn region_name(number: u64) -> String {
    format!("region {number}")
}

/// A permutation of the numbers below 2^62, so that no two rows share an identifier, that leaves
/// no order behind: neither the identifiers nor their first digits follow the row numbers.
pub(crate) const fn spread(row: u64) -> u64 {
    const MASK: u64 = (1 << 62) - 1;
    // Multiplying by an odd number modulo 2^62 and folding the upper half onto the lower are both
    // reversible.
    let mut id = row & MASK;
    id = id.wrapping_mul(0x9e37_79b9_7f4a_7c15) & MASK;
    id ^= id >> 31;
    id = id.wrapping_mul(0xbf58_476d_1ce4_e5b9) & MASK;
    id ^= id >> 31;
    id
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fmt::Write as _;
    use std::fs;

    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;

    use super::*;

    #[test]
    fn no_two_rows_share_an_identifier_and_they_are_in_no_order() {
        for kind in [IdKind::Hex, IdKind::Int, IdKind::Email] {
            let ids: Vec<String> = (0..10_000).map(|row| kind.text(row)).collect();
            let distinct: HashSet<&String> = ids.iter().collect();
            assert_eq!(distinct.len(), ids.len(), "{kind:?}");
            let rising = ids.windows(2).filter(|pair| pair[0] < pair[1]).count();
            assert!((4_500..5_500).contains(&rising), "{kind:?}: {rising}");
        }
        assert!((0..100).all(|row| IdKind::Hex.text(row).len() == 64));
    }

    #[test]
    fn a_parquet_file_holds_the_same_identifiers_as_a_csv_file() {
        let folder = tempfile::tempdir().unwrap();
        let rows = 5..5 + GROUP_ROWS + 3;
        for kind in [IdKind::Hex, IdKind::Int, IdKind::Email] {
            let file = |source: Source| folder.path().join(source.extension());
            for source in [Source::Parquet, Source::Csv] {
                write_table(&file(source), source, kind, rows.clone(), None).unwrap();
            }
            let reader = SerializedFileReader::new(File::open(file(Source::Parquet)).unwrap());
            let reader = reader.unwrap();
            assert_eq!(reader.num_row_groups(), 2);
            let mut text = String::from("id\n");
            for row in reader.get_row_iter(None).unwrap() {
                let row = row.unwrap();
                text += &match kind {
                    IdKind::Int => row.get_long(0).unwrap().to_string(),
                    _ => row.get_string(0).unwrap().clone(),
                };
                text.push('\n');
            }
            assert_eq!(text, fs::read_to_string(file(Source::Csv)).unwrap());
        }
    }

    #[test]
    fn values_are_the_same_in_both_formats() {
        let folder = tempfile::tempdir().unwrap();
        let file = |source: Source| folder.path().join(source.extension());
        for source in [Source::Parquet, Source::Csv] {
            write_table(&file(source), source, IdKind::Int, 0..50, Some(3)).unwrap();
        }
        let reader = SerializedFileReader::new(File::open(file(Source::Parquet)).unwrap());
        let mut text = String::from("id,amount,region\n");
        for row in reader.unwrap().get_row_iter(None).unwrap() {
            let row = row.unwrap();
            let [id, amount] = [0, 1].map(|column| row.get_long(column).unwrap());
            writeln!(text, "{id},{amount},{}", row.get_string(2).unwrap()).unwrap();
        }
        assert_eq!(text, fs::read_to_string(file(Source::Csv)).unwrap());
        assert!((0..3).all(|number| text.contains(&region_name(number))));
    }
}
