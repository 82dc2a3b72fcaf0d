//! Files that are either wholly there or not at all, also after a crash.
//!
//! A file is written under a temporary name in the same folder, synced, and then renamed (or linked,
//! where nothing may be overwritten); the folder is synced last. Used for keys, configuration,
//! collaboration documents and exports.

use std::ffi::OsString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Readable by everyone, writable by the owner.
pub const PUBLIC: u32 = 0o644;
/// For the owner alone.
pub const PRIVATE: u32 = 0o600;

/// Whether this process runs as the owner of the file.
pub(crate) fn is_own(metadata: &Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw()
}

/// Writes a file that must not exist yet.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if it does; any error of the file system.
///
/// # Security
/// The bytes are not copied in memory, so a caller that zeroizes a key leaves none behind.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    create_from(path, mode, |file| file.write_all(bytes))
}

/// Writes a file, replacing the one of that name.
///
/// # Errors
/// Any error of the file system; the old file is then untouched.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    replace_with(path, mode, |file| file.write_all(bytes))
}

/// Writes a file piece by piece, replacing the one of that name.
///
/// # Errors
/// Those of `contents`, and any error of the file system; the old file is then untouched.
pub fn replace_with<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    contents: impl FnOnce(&mut BufWriter<&mut File>) -> Result<(), E>,
) -> Result<(), E> {
    replace_from(path, mode, |file| {
        let mut buffered = BufWriter::new(file);
        contents(&mut buffered)?;
        Ok(buffered.flush()?)
    })
}

/// Writes a file from its handle, replacing the one of that name.
///
/// # Errors
/// Those of `contents`, and any error of the file system; the old file is then untouched.
pub fn replace_from<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    contents: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let publish = |temporary: &Path| fs::rename(temporary, path);
    write_then(path, mode, contents, publish)
}

/// Writes a file from its handle, which must not exist yet.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if it does; those of `contents`, and any error of the file
/// system.
pub fn create_from<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    contents: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    // A link fails if the name is taken, where a rename would replace the file.
    let publish = |temporary: &Path| {
        fs::hard_link(temporary, path)?;
        fs::remove_file(temporary)
    };
    write_then(path, mode, contents, publish)
}

fn write_then<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    contents: impl FnOnce(&mut File) -> Result<(), E>,
    publish: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), E> {
    let temporary = temporary_name(path)?;
    let written = write_synced(&temporary, mode, contents)
        .and_then(|()| publish(&temporary).map_err(E::from));
    if written.is_err() {
        // The first error is the one to report; a file left behind has a name that says so.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    Ok(File::open(folder_of(path))?.sync_all()?)
}

fn write_synced<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    contents: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    contents(&mut file)?;
    Ok(file.sync_all()?)
}

fn temporary_name(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"))?;
    let mut random = [0_u8; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", hex::encode(random)));
    Ok(folder_of(path).join(temporary))
}

/// The folder that holds `path`; `.` for a bare name.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn create_never_overwrites_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node.key");
        create(&path, b"first", PRIVATE).unwrap();
        let error = create(&path, b"second", PRIVATE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"first");
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            PRIVATE
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn replace_swaps_the_whole_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summer.toml");
        replace(&path, b"first, and longer", PUBLIC).unwrap();
        replace(&path, b"second", PUBLIC).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
