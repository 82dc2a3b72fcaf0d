//! The Unix socket of the local API, whatever the length of its path.
//!
//! The system's socket addresses hold 107 bytes of path. A state folder may lie deeper; its socket
//! is then addressed through the open folder (`/proc/self/fd/N/api.sock`).

use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// Longest path in a socket address: `sun_path` has 108 bytes, the last is zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A path that fits a socket address, valid as long as the value lives.
pub(super) struct SocketPath {
    path: PathBuf,
    _folder: Option<File>,
}

impl SocketPath {
    /// The short way to `socket`, whose folder must exist.
    pub(super) fn of(socket: &Path) -> io::Result<Self> {
        if socket.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return Ok(Self {
                path: socket.to_path_buf(),
                _folder: None,
            });
        }
        let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
            return Err(io::Error::other("the socket's path has no folder"));
        };
        let folder = File::open(folder)?;
        let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
        let path = Path::new("/proc/self/fd")
            .join(number.to_string())
            .join(name);
        Ok(Self {
            path,
            _folder: Some(folder),
        })
    }

    pub(super) fn as_path(&self) -> &Path {
        &self.path
    }
}

/// Whether somebody answers at `socket`.
pub(crate) fn answers(socket: &Path) -> bool {
    SocketPath::of(socket).is_ok_and(|path| UnixStream::connect(path.as_path()).is_ok())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::{SocketPath, answers};

    #[test]
    fn a_socket_in_a_deep_folder_is_bound_and_reached() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let socket = deep.join("api.sock");
        let short = SocketPath::of(&socket).unwrap();
        let listener = UnixListener::bind(short.as_path()).unwrap();
        assert!(socket.exists());
        let again = SocketPath::of(&socket).unwrap();
        assert!(!answers(&deep.join("other.sock")));
        let mut stream = UnixStream::connect(again.as_path()).unwrap();
        stream.write_all(b"x").unwrap();
        drop(stream);
        let mut text = String::new();
        listener
            .accept()
            .unwrap()
            .0
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "x");
    }
}
