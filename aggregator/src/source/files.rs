//! Which files make up a table, and whether they are still the same.
//!
//! Spec 10 §2.1. Length, modification time and identity (device and inode) of every file of every
//! subfolder are noted at load and compared when a job is proposed and around the freezing of its
//! input; a file that is opened must be the one that was noted. [`super::folders`] finds the files.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use super::read_error::ReadError;
use super::{Format, SourceError, folders};

/// The files of a source as they were seen at one moment. Two are equal if nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileSet {
    pub(crate) format: Format,
    /// The keys in the names of the folders (`key=value`) that each file lies in, from the outside.
    pub(super) keys: Vec<String>,
    /// In the order of their names.
    pub(crate) files: Vec<FileStamp>,
}

/// One file as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    /// Absolute, without symbolic links.
    pub(crate) path: PathBuf,
    pub(super) packing: Packing,
    /// For each of [`FileSet::keys`], the value in the name of the folder; `None` for NULL.
    pub(super) values: Vec<Option<String>>,
    seen: Seen,
}

/// How a CSV file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// What tells a file from another one, and from itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    len: u64,
    modified: (i64, i64),
    identity: (u64, u64),
}

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
            return folders::files(&root);
        }
        if !metadata.is_file() {
            return Err(SourceError::new(
                format!("{} is neither a file nor a folder", source.display()),
                "name a .csv, .csv.gz, .csv.zst or .parquet file, or a folder of them",
            ));
        }
        // The name counts that the owner wrote, not that of a link's target.
        let (format, packing) = format_of(source).ok_or_else(|| {
            SourceError::new(
                format!("{} is neither .csv nor .parquet", source.display()),
                "name a .csv, .csv.gz, .csv.zst or .parquet file, or a folder of them",
            )
        })?;
        Ok(Self {
            format,
            keys: Vec::new(),
            files: vec![FileStamp::new(root, packing, Vec::new(), &metadata)],
        })
    }
}

impl FileStamp {
    pub(super) fn new(
        path: PathBuf,
        packing: Packing,
        values: Vec<Option<String>>,
        metadata: &Metadata,
    ) -> Self {
        Self {
            path,
            packing,
            values,
            seen: Seen::of(metadata),
        }
    }

    /// Opens the file.
    ///
    /// # Errors
    /// [`ReadError`] if it cannot be opened or is not the one that was seen, such as one behind a
    /// symbolic link that was put in its place.
    pub(super) fn open(&self) -> Result<File, ReadError> {
        let failed = |error: &std::io::Error| ReadError::io(&self.path, error);
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = rustix::fs::open(&self.path, flags, Mode::empty());
        let file = File::from(file.map_err(|error| failed(&error.into()))?);
        let metadata = file.metadata().map_err(|error| failed(&error))?;
        if Seen::of(&metadata) == self.seen {
            Ok(file)
        } else {
            Err(ReadError::replaced(&self.path))
        }
    }
}

impl Seen {
    fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            identity: (metadata.dev(), metadata.ino()),
        }
    }
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

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> SourceError {
    SourceError::new(
        format!("{} cannot be read: {error}", path.display()),
        "check the path and that the node may read it",
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::FileSet;

    #[test]
    fn only_the_file_that_was_seen_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, "id\n1\n").unwrap();
        let seen = FileSet::observe(&path).unwrap();
        let stamp = &seen.files[0];
        assert!(stamp.open().is_ok());

        let other = folder.path().join("other");
        std::fs::write(&other, "id\n2\n").unwrap();
        std::fs::rename(&path, folder.path().join("kept")).unwrap();
        symlink(&other, &path).unwrap();
        assert!(stamp.open().is_err(), "a link");
        // A link to the very file is one too.
        std::fs::remove_file(&path).unwrap();
        symlink(folder.path().join("kept"), &path).unwrap();
        assert!(stamp.open().is_err(), "a link to the same file");
        std::fs::remove_file(&path).unwrap();
        std::fs::rename(&other, &path).unwrap();
        let error = stamp.open().unwrap_err().to_string();
        assert!(error.contains("was replaced or changed"), "{error}");
        std::fs::rename(folder.path().join("kept"), &path).unwrap();
        assert!(stamp.open().is_ok());
        std::fs::write(&path, "id\n1\n2\n").unwrap();
        assert!(stamp.open().is_err(), "another length");
    }
}
