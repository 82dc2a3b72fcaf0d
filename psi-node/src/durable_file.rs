//! Files that are either wholly there or not at all, also after a crash.
//!
//! A file is written under a temporary name in the same folder, synced, and then renamed (or linked,
//! where nothing may be overwritten); the folder is synced last. Used for keys, configuration,
//! collaboration documents and exports.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Readable by everyone, writable by the owner.
pub const PUBLIC: u32 = 0o644;
/// For the owner alone.
pub const PRIVATE: u32 = 0o600;

/// Writes a file that must not exist yet.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] if it does; any error of the file system.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    // A link fails if the name is taken, where a rename would replace the file.
    write_then(
        path,
        mode,
        |file| file.write_all(bytes),
        |temporary| {
            fs::hard_link(temporary, path)?;
            fs::remove_file(temporary)
        },
    )
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
/// Those of `fill`, and any error of the file system; the old file is then untouched.
pub fn replace_with<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    write_then(path, mode, fill, |temporary| fs::rename(temporary, path))
}

fn write_then<E: From<io::Error>>(
    path: &Path,
    mode: u32,
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
    publish: impl FnOnce(&Path) -> io::Result<()>,
) -> Result<(), E> {
    let temporary = temporary_name(path)?;
    let written =
        write_synced(&temporary, mode, fill).and_then(|()| publish(&temporary).map_err(E::from));
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
    fill: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    let mut file = BufWriter::new(file);
    fill(&mut file)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
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
