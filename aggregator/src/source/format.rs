//! The formats of files, and what a file's name says of its own.
//!
//! Spec 10 §2.1. Called when files are looked for and when they are read.

use std::path::Path;

/// The two formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Parquet,
}

/// How a CSV file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// What a file's name says that it holds.
pub(super) fn format_of(path: &Path) -> Option<(Format, Packing)> {
    let has = |path: &Path, ending: &str| {
        path.extension()
            .is_some_and(|found| found.eq_ignore_ascii_case(ending))
    };
    for (ending, packing) in [("gz", Packing::Gzip), ("zst", Packing::Zstd)] {
        if has(path, ending) {
            let is_csv = path
                .file_stem()
                .is_some_and(|stem| has(stem.as_ref(), "csv"));
            return is_csv.then_some((Format::Csv, packing));
        }
    }
    if has(path, "csv") {
        Some((Format::Csv, Packing::Plain))
    } else if has(path, "parquet") {
        Some((Format::Parquet, Packing::Plain))
    } else {
        None
    }
}
