//! Who else can reach this node's files: nobody may.
//!
//! Called when the state is opened, by the daemon and by every command that needs it, and for the
//! node's key. Looks at owners and modes; never changes either, because a folder that others could
//! write to may hold what they put there, and its owner has to know.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{STATE_FILE, StateError};
use crate::durable_file::is_own;

/// What another user may not have of a folder or of a secret: anything.
const ALL_OF_OTHERS: u32 = 0o077;
/// What another user may not have of a file inside a folder that only the owner can enter.
const WRITE_OF_OTHERS: u32 = 0o022;

/// Refuses a state folder that another user owns, can enter or can write to, and state files that
/// another user owns or can write to.
///
/// # Errors
/// [`StateError::Exposed`], or [`StateError::Folder`] if the folder cannot be looked at.
pub(super) fn check(state_dir: &Path) -> Result<(), StateError> {
    let failed = |source| StateError::Folder {
        place: state_dir.display().to_string(),
        source,
    };
    let folder = fs::metadata(state_dir).map_err(failed)?;
    check_one(state_dir, &folder, ALL_OF_OTHERS, "700")?;
    for file in state_files(state_dir) {
        match fs::metadata(&file) {
            Ok(metadata) => check_one(&file, &metadata, WRITE_OF_OTHERS, "600")?,
            // SQLite makes the files beside the database when it needs them.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(())
}

/// The database and what SQLite puts beside it.
fn state_files(state_dir: &Path) -> impl Iterator<Item = PathBuf> {
    let endings = ["", "-wal", "-shm"];
    endings
        .into_iter()
        .map(move |ending| state_dir.join(format!("{STATE_FILE}{ending}")))
}

fn check_one(
    path: &Path,
    metadata: &Metadata,
    forbidden: u32,
    mode_to_set: &str,
) -> Result<(), StateError> {
    let place = path.display();
    if !is_own(metadata) {
        return Err(StateError::Exposed {
            what: format!(
                "{place} belongs to another user (number {})",
                metadata.uid()
            ),
            remedy: format!(
                "run the command as that user, or make it yours with `chown` if you know what is in \
                 {place}"
            ),
        });
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & forbidden != 0 {
        return Err(StateError::Exposed {
            what: format!("other users can reach {place} (mode {mode:04o})"),
            remedy: format!(
                "run `chmod {mode_to_set} {place}`; if others may have written there, restore the \
                 state from a backup"
            ),
        });
    }
    Ok(())
}

/// A new folder for tests that, as a state folder, nobody else can enter.
#[cfg(test)]
pub(crate) fn private_tempdir() -> tempfile::TempDir {
    let mut builder = tempfile::Builder::new();
    let builder = builder.permissions(fs::Permissions::from_mode(0o700));
    builder.tempdir().expect("a temporary folder can be made")
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::{check_one, private_tempdir};
    use crate::durable_file::is_own;
    use crate::error::UserError;
    use crate::exit::Exit;
    use crate::state::State;

    fn refused(folder: &std::path::Path) -> Option<UserError> {
        State::open(folder).err()
    }

    #[test]
    fn a_state_folder_that_others_can_reach_is_refused_with_the_remedy() {
        let folder = private_tempdir();
        drop(State::open(folder.path()).unwrap());
        for mode in [0o777, 0o770, 0o750, 0o705, 0o710, 0o701, 0o1777, 0o2770] {
            fs::set_permissions(folder.path(), Permissions::from_mode(mode)).unwrap();
            let error = refused(folder.path()).unwrap_or_else(|| panic!("{mode:o} was accepted"));
            let remedy = format!("chmod 700 {}", folder.path().display());
            assert!(error.remedy.contains(&remedy), "{}", error.remedy);
            assert_eq!(error.exit, Exit::BadInput);
        }
        fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        assert!(refused(folder.path()).is_none());
    }

    #[test]
    fn a_state_file_that_others_can_write_is_refused_with_the_remedy() {
        let folder = private_tempdir();
        let state = State::open(folder.path()).unwrap();
        for name in ["state.sqlite", "state.sqlite-wal", "state.sqlite-shm"] {
            let file = folder.path().join(name);
            for mode in [0o666, 0o620, 0o602] {
                fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
                let error = refused(folder.path())
                    .unwrap_or_else(|| panic!("{name} with {mode:o} was accepted"));
                let remedy = format!("chmod 600 {}", file.display());
                assert!(error.remedy.contains(&remedy), "{}", error.remedy);
            }
            fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        }
        assert!(refused(folder.path()).is_none());
        drop(state);
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        // Of the root user, whom this test need not be; else of a process that it cannot be.
        let root = std::path::Path::new("/");
        let metadata = fs::metadata(root).unwrap();
        if metadata.uid() == rustix::process::geteuid().as_raw() {
            let folder = private_tempdir();
            std::os::unix::fs::chown(folder.path(), Some(metadata.uid() + 1), None).unwrap();
            let error = refused(folder.path()).unwrap();
            assert!(error.what.contains("another user"), "{}", error.what);
            return;
        }
        assert!(!is_own(&metadata));
        assert!(check_one(root, &metadata, 0, "700").is_err());
    }
}
