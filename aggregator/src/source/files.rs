//! Which files make up a table, and whether they are still the same.
//!
//! Spec 10 §2.1. Length, modification time and identity (device and inode) of every file are
//! noted at load and compared when a job is proposed and around the freezing of its input.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{Format, SourceError};

/// The files of a source as they were seen at one moment. Two are equal if nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileSet {
    pub(crate) format: Format,
    /// In the order of their names.
    pub(crate) files: Vec<FileStamp>,
}

/// One file as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    /// Absolute, without symbolic links.
    pub(crate) path: PathBuf,
    len: u64,
    modified: (i64, i64),
    identity: (u64, u64),
}

impl FileSet {
    /// Looks at the file or folder `source`.
    ///
    /// A folder's files are those directly inside it that end in `.csv` or `.parquet`. Names that
    /// begin with `.` or `_` are left out, as writers use them for files that are not data, and so
    /// are notes beside the data. What looks like more data is refused: rows that are left out
    /// silently would make every answer wrong.
    ///
    /// # Errors
    /// [`SourceError`] if there is nothing to read, files of both formats, or what looks like data
    /// and is not read.
    pub(crate) fn observe(source: &Path) -> Result<Self, SourceError> {
        let unreadable = |path: &Path, err: &std::io::Error| {
            SourceError::new(
                format!("{} cannot be read: {err}", path.display()),
                "check the path and that the node may read it",
            )
        };
        let metadata = fs::metadata(source).map_err(|err| unreadable(source, &err))?;
        if !metadata.is_dir() {
            let format = format_of(source).ok_or_else(|| {
                SourceError::new(
                    format!("{} is neither .csv nor .parquet", source.display()),
                    "name a .csv or .parquet file, or a folder of them",
                )
            })?;
            let file = FileStamp::new(source, &metadata).map_err(|err| unreadable(source, &err))?;
            return Ok(Self {
                format,
                files: vec![file],
            });
        }
        let mut found: Vec<(Format, FileStamp)> = Vec::new();
        for entry in fs::read_dir(source).map_err(|err| unreadable(source, &err))? {
            let path = entry.map_err(|err| unreadable(source, &err))?.path();
            let hidden = path.file_name().is_none_or(|name| {
                name.as_encoded_bytes().starts_with(b".")
                    || name.as_encoded_bytes().starts_with(b"_")
            });
            if hidden {
                continue;
            }
            let metadata = fs::metadata(&path).map_err(|err| unreadable(&path, &err))?;
            if metadata.is_dir() || is_unread_data(&path) {
                return Err(SourceError::new(
                    format!(
                        "{} would be left out: only .csv and .parquet files directly inside the \
                         folder are read",
                        path.display()
                    ),
                    "unpack or convert it, move it out of the folder, or give it a name that \
                     begins with `_`",
                ));
            }
            let Some(format) = format_of(&path) else {
                continue;
            };
            if metadata.is_file() {
                let stamp =
                    FileStamp::new(&path, &metadata).map_err(|err| unreadable(&path, &err))?;
                found.push((format, stamp));
            }
        }
        let Some(&(format, _)) = found.first() else {
            return Err(SourceError::new(
                format!(
                    "the folder {} holds no .csv or .parquet file",
                    source.display()
                ),
                "put the data files directly into the folder",
            ));
        };
        if found.iter().any(|(other, _)| *other != format) {
            return Err(SourceError::new(
                format!(
                    "the folder {} holds both .csv and .parquet files",
                    source.display()
                ),
                "use one folder for each format",
            ));
        }
        let mut files: Vec<FileStamp> = found.into_iter().map(|(_, stamp)| stamp).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { format, files })
    }
}

impl FileStamp {
    fn new(path: &Path, metadata: &Metadata) -> std::io::Result<Self> {
        Ok(Self {
            path: fs::canonicalize(path)?,
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            identity: (metadata.dev(), metadata.ino()),
        })
    }
}

/// Whether a name looks like data of a kind that is not read: packed, of another format, or without
/// an ending, as some writers leave it.
fn is_unread_data(path: &Path) -> bool {
    const ENDINGS: [&str; 18] = [
        "gz", "zst", "bz2", "xz", "zip", "lz4", "br", "snappy", "tsv", "tab", "json", "jsonl",
        "ndjson", "orc", "avro", "arrow", "parq", "pq",
    ];
    path.extension().is_none_or(|ending| {
        ENDINGS
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    })
}

fn format_of(path: &Path) -> Option<Format> {
    let extension = path.extension()?;
    if extension.eq_ignore_ascii_case("csv") {
        Some(Format::Csv)
    } else if extension.eq_ignore_ascii_case("parquet") {
        Some(Format::Parquet)
    } else {
        None
    }
}
