//! Which files make up a table, and whether they are still the same.
//!
//! Spec 10 §2.1. Length, modification time and identity (device and inode) of every file of every
//! subfolder are noted at load and compared when a job is proposed and around the freezing of its
//! input; a file that is opened must be the one that was noted. [`super::find_files`] finds the files.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use sha2::{Digest as _, Sha256};

use super::format::{Format, Packing};
use super::read_error::ReadError;

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

/// What tells a file from another one, and from itself after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    len: u64,
    modified: (i64, i64),
    identity: (u64, u64),
}

impl FileSet {
    /// Adds all that tells these files from others to a digest. Each text has its length before it.
    #[cfg_attr(
        not(feature = "sql"),
        expect(dead_code, reason = "names what SQL made of files")
    )]
    pub(crate) fn feed(&self, digest: &mut Sha256) {
        let mut text = |bytes: &[u8]| {
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        };
        text(self.format.ending().as_bytes());
        self.keys.iter().for_each(|key| text(key.as_bytes()));
        for file in &self.files {
            text(file.path.as_os_str().as_encoded_bytes());
            text(format!("{:?}", file.packing).as_bytes());
            for value in &file.values {
                text(value.as_ref().map_or(&[0][..], |_| &[1]));
                text(value.as_deref().unwrap_or_default().as_bytes());
            }
            text(format!("{:?}", file.seen).as_bytes());
        }
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
