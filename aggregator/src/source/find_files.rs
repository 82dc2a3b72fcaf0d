//! Finds the files of a source: one file, or those of a folder and of the folders inside it, with
//! what the names of folders say.
//!
//! Spec 10 §2.1. Hive, Spark and others write a column into the names of folders, `year=2025`, and
//! leave it out of the files. Called for every look at a source.
//!
//! A name that begins with `.` or `_` is left out, as Hive and Spark leave it out: `_SUCCESS`,
//! `.part-0.csv.crc`. A folder `_key=value` is one of a key, as Spark has it. Everything else that
//! looks like data is read or refused by its name: rows that are left out silently make every answer
//! wrong.

use std::fs::{self, DirEntry};
use std::path::Path;

use percent_encoding::percent_decode_str;

use super::SourceError;
use super::files::{FileSet, FileStamp};
use super::format::{Format, format_of};

/// Folders inside each other.
const DEPTH_MAX: usize = 32;

/// The value that Hive and Spark write for NULL.
const NULL_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

impl FileSet {
    /// Looks at the file or folder `source`. Symbolic links on the way to it are followed, those
    /// inside a folder are refused: what is read lies below the folder that the owner names.
    ///
    /// # Errors
    /// [`SourceError`] if there is nothing to read, or what there is does not make one table.
    pub(crate) fn observe(source: &Path) -> Result<Self, SourceError> {
        let root = fs::canonicalize(source).map_err(|error| unreadable(source, &error))?;
        let metadata = fs::metadata(&root).map_err(|error| unreadable(source, &error))?;
        if metadata.is_dir() {
            return files(&root);
        }
        if !metadata.is_file() {
            return Err(SourceError::new(
                format!("{} is neither a file nor a folder", source.display()),
                "name a .csv, .tsv, .csv.gz, .csv.zst or .parquet file, or a folder of them",
            ));
        }
        // The name counts that the owner wrote, not that of a link's target.
        let (format, packing) = format_of(source).ok_or_else(|| {
            SourceError::new(
                format!("{} is neither .csv, .tsv nor .parquet", source.display()),
                "name a .csv, .tsv, .csv.gz, .csv.zst or .parquet file, or a folder of them",
            )
        })?;
        Ok(Self {
            format,
            keys: Vec::new(),
            files: vec![FileStamp::new(root, packing, Vec::new(), &metadata)],
        })
    }
}

/// The files below `root`, a canonical path.
///
/// # Errors
/// [`SourceError`] if the folder holds no data, files of both formats, files below different keys,
/// a symbolic link, or a file that looks like data and is not read.
fn files(root: &Path) -> Result<FileSet, SourceError> {
    let mut walk = Walk::default();
    walk.folder(root, &Keyed::default(), 0)?;
    let Some(first) = walk.found.first() else {
        return Err(SourceError::new(
            format!(
                "the folder {} holds no .csv, .tsv or .parquet file",
                root.display()
            ),
            "put the data files into the folder, or into folders inside it",
        ));
    };
    let (format, keys) = (first.format, first.keys.clone());
    for other in &walk.found {
        if other.format != format {
            return Err(SourceError::new(
                format!(
                    "the folder {} holds both {} and {} files",
                    root.display(),
                    first.format.ending().min(other.format.ending()),
                    first.format.ending().max(other.format.ending())
                ),
                "use one folder for each format",
            ));
        }
        if other.keys != keys {
            return Err(SourceError::new(
                format!(
                    "{} lies {}, and {} {}",
                    other.file.path.display(),
                    described(&other.keys),
                    first.file.path.display(),
                    described(&keys)
                ),
                "put all files into folders of the same keys, in the same order, or make several \
                 tables",
            ));
        }
    }
    let files = walk.found.into_iter().map(|found| found.file);
    let mut files: Vec<FileStamp> = files.collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(FileSet {
        format,
        keys,
        files,
    })
}

fn described(keys: &[String]) -> String {
    if keys.is_empty() {
        return "in no folder `key=value`".to_owned();
    }
    let keys: Vec<String> = keys.iter().map(|key| format!("{key}=…")).collect();
    format!("in {}", keys.join("/"))
}

/// What the names of the folders on the way say.
#[derive(Clone, Default)]
struct Keyed {
    keys: Vec<String>,
    values: Vec<Option<String>>,
}

struct Found {
    format: Format,
    keys: Vec<String>,
    file: FileStamp,
}

#[derive(Default)]
struct Walk {
    found: Vec<Found>,
}

impl Walk {
    fn folder(&mut self, folder: &Path, keyed: &Keyed, depth: usize) -> Result<(), SourceError> {
        if depth > DEPTH_MAX {
            return Err(SourceError::new(
                format!(
                    "{} lies more than {DEPTH_MAX} folders deep",
                    folder.display()
                ),
                "put the files into fewer folders",
            ));
        }
        let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
        let entries: Result<Vec<DirEntry>, _> = entries.collect();
        let mut entries = entries.map_err(|error| unreadable(folder, &error))?;
        entries.sort_by_key(DirEntry::file_name);
        entries
            .iter()
            .try_for_each(|entry| self.entry(entry, keyed, depth))
    }

    fn entry(&mut self, entry: &DirEntry, keyed: &Keyed, depth: usize) -> Result<(), SourceError> {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.as_encoded_bytes();
        let may_be_key = name.starts_with(b"_") && name.contains(&b'=');
        if name.starts_with(b".") || (name.starts_with(b"_") && !may_be_key) {
            return Ok(());
        }
        let metadata = fs::symlink_metadata(&path).map_err(|error| unreadable(&path, &error))?;
        if metadata.is_dir() {
            let keyed = keyed.inside(&path)?;
            return self.folder(&path, &keyed, depth + 1);
        }
        if may_be_key {
            return Ok(());
        }
        if metadata.is_symlink() {
            return Err(SourceError::new(
                format!(
                    "{} is a symbolic link, which is not followed inside a folder",
                    path.display()
                ),
                "put the file itself into the folder, or name the link's target as the source",
            ));
        }
        match format_of(&path) {
            Some((format, packing)) if metadata.is_file() => {
                let values = keyed.values.clone();
                self.found.push(Found {
                    format,
                    keys: keyed.keys.clone(),
                    file: FileStamp::new(path, packing, values, &metadata),
                });
                Ok(())
            }
            None if !is_unread_data(&path) => Ok(()),
            _ => Err(left_out(&path)),
        }
    }
}

impl Keyed {
    /// What is said inside the folder `path`.
    fn inside(&self, path: &Path) -> Result<Self, SourceError> {
        let refused = |what: &str| {
            SourceError::new(
                format!("the name of the folder {} {what}", path.display()),
                "rename it, or move it out of the folder",
            )
        };
        let mut inside = self.clone();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(refused("is not UTF-8"));
        };
        let Some((key, value)) = name.split_once('=') else {
            return Ok(inside);
        };
        let decoded = |text| percent_decode_str(text).decode_utf8();
        let (Ok(key), Ok(value)) = (decoded(key), decoded(value)) else {
            return Err(refused("does not decode to UTF-8"));
        };
        if key.is_empty() {
            return Err(refused("has nothing before its `=`"));
        }
        if inside.keys.contains(&key.clone().into_owned()) {
            return Err(refused("repeats the key of a folder around it"));
        }
        inside.keys.push(key.into_owned());
        let value = (value != NULL_VALUE).then(|| value.into_owned());
        inside.values.push(value);
        Ok(inside)
    }
}

fn left_out(path: &Path) -> SourceError {
    SourceError::new(
        format!(
            "{} would be left out: only .csv, .tsv, .csv.gz, .csv.zst and .parquet files are read",
            path.display()
        ),
        "unpack or convert it, move it out of the folder, or give it a name that begins with `_`",
    )
}

/// Whether a name looks like data of a kind that is not read: packed in another way, of another
/// format, or without an ending, as some writers leave it.
fn is_unread_data(path: &Path) -> bool {
    const ENDINGS: [&str; 20] = [
        "gz", "zst", "bz2", "xz", "zip", "lz4", "br", "snappy", "tsv", "tab", "json", "jsonl",
        "ndjson", "orc", "avro", "arrow", "parq", "pq", "xls", "xlsx",
    ];
    path.extension().is_none_or(|ending| {
        ENDINGS
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    })
}

fn unreadable(path: &Path, error: &std::io::Error) -> SourceError {
    SourceError::new(
        format!("{} cannot be read: {error}", path.display()),
        "check the path and that the node may read it",
    )
}
