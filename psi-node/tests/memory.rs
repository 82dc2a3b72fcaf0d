//! What the operating system shows of a node that runs: no core dump, and no memory.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A user that is not root, for tests that root runs.
const SOMEBODY: u32 = 1;

/// The program in a folder, as a user that is not root: the kernel shows everything to root.
struct Unprivileged<'a> {
    folder: &'a Path,
    is_root: bool,
}

impl<'a> Unprivileged<'a> {
    fn new(parent: &'a Path, folder: &'a Path) -> Self {
        let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
        // The folder of the build may be out of reach for others.
        let program = parent.join("psi-node");
        fs::copy(env!("CARGO_BIN_EXE_psi-node"), &program).unwrap();
        fs::set_permissions(parent, Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder).unwrap();
        if is_root {
            chown(folder, Some(SOMEBODY), Some(SOMEBODY)).unwrap();
        }
        Self { folder, is_root }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.folder.with_file_name("psi-node"));
        command.args(arguments).current_dir(self.folder);
        if self.is_root {
            command.uid(SOMEBODY).gid(SOMEBODY);
        }
        command
    }

    /// Starts the daemon and waits until it listens; it ends when its standard input is dropped.
    fn serve(&self) -> (Child, ChildStdin) {
        let mut child = self
            .command(&["serve", "--config", "node/node.toml"])
            .arg("--until-stdin-closes")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let listens = |line: &String| line.starts_with("listening on");
        assert!(lines.map(Result::unwrap).any(|line| listens(&line)));
        (child, stdin)
    }
}

#[test]
fn a_daemon_leaves_no_core_dump_and_hides_its_memory_from_its_own_user() {
    let parent = tempfile::tempdir().unwrap();
    // So long that the daemon reaches its socket through `/proc/self/fd`, which has to work still.
    let folder = parent.path().join("long".repeat(30));
    let user = Unprivileged::new(parent.path(), &folder);
    let init = ["init", "node", "--name", "brand", "--listen", "127.0.0.1:0"];
    assert!(user.command(&init).output().unwrap().status.success());

    let (mut child, stdin) = user.serve();
    let about = Path::new("/proc").join(child.id().to_string());
    let limits = fs::read_to_string(about.join("limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<&str> = core.unwrap().split_whitespace().collect();
    assert_eq!(core[4..6], ["0", "0"], "{core:?}");
    // What is not dumpable belongs to root in /proc, whoever runs it.
    let user_of_process = fs::metadata(&folder).unwrap().uid();
    for secret in ["environ", "maps", "mem"] {
        let owner = fs::metadata(about.join(secret)).unwrap().uid();
        assert_ne!(owner, user_of_process, "/proc/PID/{secret}");
    }
    // What a benchmark reads of a node is there for everybody.
    for open in ["stat", "status"] {
        let mode = fs::metadata(about.join(open)).unwrap().permissions();
        assert_eq!(mode.mode() & 0o004, 0o004, "/proc/PID/{open}");
    }
    let jobs = ["jobs", "cancel", "ff", "--config", "node/node.toml"];
    let answer = user.command(&jobs).output().unwrap();
    let said = String::from_utf8(answer.stderr).unwrap();
    assert!(said.contains("there is no job"), "{said}");
    drop(stdin);
    assert!(child.wait().unwrap().success());
}
