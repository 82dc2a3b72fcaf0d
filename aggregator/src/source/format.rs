//! The formats of files, and what a file's name says of its own.
//!
//! Spec 10 §2.1. Called when files are looked for and when they are read.

use std::path::Path;

/// The formats. Text whose values are separated by tabs is read like CSV in everything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Tsv,
    Parquet,
}

impl Format {
    /// The ending of its files.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Csv => ".csv",
            Self::Tsv => ".tsv",
            Self::Parquet => ".parquet",
        }
    }
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
    let text = |path: &Path| {
        let formats = [("csv", Format::Csv), ("tsv", Format::Tsv)];
        let mut formats = formats.into_iter();
        Some(formats.find(|(ending, _)| has(path, ending))?.1)
    };
    for (ending, packing) in [("gz", Packing::Gzip), ("zst", Packing::Zstd)] {
        if has(path, ending) {
            return Some((text(path.file_stem()?.as_ref())?, packing));
        }
    }
    if let Some(format) = text(path) {
        Some((format, Packing::Plain))
    } else if has(path, "parquet") {
        Some((Format::Parquet, Packing::Plain))
    } else {
        None
    }
}
