//! Two nodes as real processes over real QUIC on loopback, each with its own folder.

mod background;

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use self::background::Background;
use self::background::signal;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_glovebox-node-under-test");

/// Far more than any step needs; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    fn from(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test unless the command ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        self
    }

    /// Standard output as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

/// Runs a command of the node's binary to its end.
pub(crate) fn psi_node(arguments: &[&str]) -> Ran {
    let output = Command::new(BINARY)
        .args(arguments)
        .output()
        .expect("the binary starts");
    Ran::from(&output)
}

/// Runs a command of the auditor's program to its end.
pub(crate) fn psi_audit(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_psi-audit-under-test"))
        .args(arguments)
        .output()
        .expect("the binary starts");
    Ran::from(&output)
}

/// A loopback address that was free a moment ago.
pub(crate) fn free_address() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has free ports");
    socket
        .local_addr()
        .expect("a bound socket has an address")
        .to_string()
}

/// One node: a folder, and a daemon if it runs.
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) dir: PathBuf,
    pub(crate) address: String,
    daemon: Option<Child>,
}

impl Node {
    /// Makes the folder, the key and a configuration with `tables`.
    pub(crate) fn init(parent: &Path, name: &str, tables: &str) -> Self {
        let dir = parent.join(name);
        let address = free_address();
        let path = dir.to_str().expect("temporary folders have UTF-8 names");
        psi_node(&["init", path, "--name", name, "--listen", &address]).expect(0);
        let node = Self {
            name: name.into(),
            dir,
            address,
            daemon: None,
        };
        node.configure("peer_timeout_s = 10\nconnect_timeout_s = 20\n", tables);
        node
    }

    /// Replaces the configuration.
    pub(crate) fn configure(&self, settings: &str, tables: &str) {
        let mut text = String::new();
        writeln!(
            text,
            "name = \"{}\"\nlisten = \"{}\"",
            self.name, self.address
        )
        .unwrap();
        writeln!(text, "state_dir = \"state\"\n{settings}\n{tables}").unwrap();
        fs::write(self.dir.join("node.toml"), text).unwrap();
    }

    pub(crate) fn write(&self, file: &str, contents: &str) {
        fs::write(self.dir.join(file), contents).unwrap();
    }

    pub(crate) fn config(&self) -> String {
        self.dir.join("node.toml").to_str().unwrap().to_owned()
    }

    pub(crate) fn id(&self) -> String {
        psi_node(&["id", "--config", &self.config()])
            .expect(0)
            .stdout
            .trim()
            .to_owned()
    }

    /// Runs a command about this node.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let config = self.config();
        let mut all = arguments.to_vec();
        all.extend(["--config", &config]);
        psi_node(&all)
    }

    /// Starts the daemon and waits until it listens.
    pub(crate) fn serve(&mut self) {
        assert!(self.daemon.is_none(), "the daemon runs already");
        let mut child = Command::new(BINARY)
            .args(["serve", "--config", &self.config()])
            .stdout(Stdio::piped())
            .stderr(fs::File::create(self.log_path(self.starts())).unwrap())
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("stdout is piped");
        let (ready, wait) = mpsc::channel();
        std::thread::spawn(move || {
            // Reads to the end, so that the daemon never blocks on a full pipe.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.contains("listening on") {
                    let _ = ready.send(());
                }
            }
        });
        self.daemon = Some(child);
        let started = wait.recv_timeout(PATIENCE).is_ok();
        assert!(started, "{} did not start: {}", self.name, self.log());
    }

    fn starts(&self) -> usize {
        let mut starts = 0;
        while self.log_path(starts).exists() {
            starts += 1;
        }
        starts
    }

    fn log_path(&self, start: usize) -> PathBuf {
        self.dir.join(format!("serve-{start}.log"))
    }

    /// Everything the daemon wrote to standard error, over all its starts.
    pub(crate) fn log(&self) -> String {
        (0..self.starts())
            .map(|n| fs::read_to_string(self.log_path(n)).unwrap())
            .collect()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut daemon = self.daemon.take().expect("the daemon runs");
        daemon.kill().unwrap();
        daemon.wait().unwrap();
    }

    /// Sends a signal to the daemon, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        signal(name, self.daemon.as_ref().expect("the daemon runs"));
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.daemon
            .as_mut()
            .is_some_and(|daemon| daemon.try_wait().unwrap().is_none())
    }

    /// Runs a command about this node that reads `input` from its standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = Command::new(BINARY)
            .args(arguments)
            .args(["--config", &self.config()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        Ran::from(&child.wait_with_output().unwrap())
    }

    /// Runs a query and returns its result document.
    pub(crate) fn query(&self, sql: &str) -> Ran {
        self.run(&["query", "--collab", "test", "--format", "json", sql])
    }

    /// Starts a query without waiting for it.
    pub(crate) fn query_in_background(&self, sql: &str) -> Background {
        self.query_in_background_with(&[], sql)
    }

    /// Starts a query with further arguments without waiting for it.
    pub(crate) fn query_in_background_with(&self, more: &[&str], sql: &str) -> Background {
        let child = Command::new(BINARY)
            .args(["query", "--collab", "test", "--format", "json", sql])
            .args(more)
            .args(["--config", &self.config()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        Background(child)
    }

    /// What the local API says of the node, as it is.
    pub(crate) fn node_info(&self) -> String {
        let mut socket = UnixStream::connect(self.dir.join("state/api.sock")).unwrap();
        let ask = "GET /v1/node HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
        socket.write_all(ask.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The newest job of this node.
    pub(crate) fn newest_job(&self) -> Option<Value> {
        let ran = self.run(&["jobs", "list", "--format", "json"]).expect(0);
        let jobs = ran.json();
        let list = jobs.as_array().or_else(|| jobs["jobs"].as_array()).cloned();
        list.unwrap_or_default().into_iter().next()
    }

    /// The exported receipt log.
    pub(crate) fn export(&self) -> String {
        let file = self.dir.join("export.jsonl");
        let _ = fs::remove_file(&file);
        self.run(&[
            "receipts",
            "export",
            "--collab",
            "test",
            "-o",
            file.to_str().unwrap(),
        ])
        .expect(0);
        fs::read_to_string(file).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Two nodes that have joined the collaboration `test`. Neither runs yet.
pub(crate) struct World {
    pub(crate) a: Node,
    pub(crate) b: Node,
    pub(crate) dir: TempDir,
}

/// A table `people` in `people.csv` with the key `name`.
pub(crate) fn people_table(kind: &str, identities: u64, minimum: u64, more: &str) -> String {
    format!(
        "[table.people]\nsource = \"people.csv\"\nminimum = {minimum}\n{more}\n\
         [[table.people.key]]\ncolumns = [\"name\"]\nkinds = [\"{kind}\"]\nunique = true\n\
         identities = {identities}\n"
    )
}

impl World {
    /// Nodes `anna` and `bert` with these tables.
    pub(crate) fn new(tables_a: &str, tables_b: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let a = Node::init(dir.path(), "anna", tables_a);
        let b = Node::init(dir.path(), "bert", tables_b);
        let world = Self { a, b, dir };
        world.collaborate(&[]);
        world
    }

    /// Makes the next revision of the collaboration from what anna has joined, changed by `edit`,
    /// and lets both sign it. Nobody has joined it yet.
    pub(crate) fn revise(&self, edit: impl FnOnce(String) -> String) -> String {
        let mut number = 2;
        let path = |number| self.dir.path().join(format!("test-{number}.toml"));
        while path(number).exists() {
            number += 1;
        }
        let file = path(number).to_str().unwrap().to_owned();
        self.a
            .run(&["collab", "revise", "test", "-o", &file])
            .expect(0);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, edit(text)).unwrap();
        for node in [&self.a, &self.b] {
            node.run(&["collab", "sign", &file]).expect(0);
        }
        file
    }

    /// Makes, signs and joins the collaboration; `more` are further arguments of `collab new`.
    pub(crate) fn collaborate(&self, more: &[&str]) {
        let file = self.collab_file();
        let member = |node: &Node| format!("{}={}@{}", node.name, node.id(), node.address);
        let (a, b) = (member(&self.a), member(&self.b));
        let mut arguments = vec!["collab", "new", "--name", "test", "--member", &a];
        arguments.extend(["--member", &b, "-o", &file]);
        arguments.extend(more);
        psi_node(&arguments).expect(0);
        for node in [&self.b, &self.a] {
            node.run(&["collab", "sign", &file]).expect(0);
        }
        for node in [&self.a, &self.b] {
            node.run(&["collab", "join", &file]).expect(0);
        }
    }

    pub(crate) fn collab_file(&self) -> String {
        self.dir
            .path()
            .join("test.toml")
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Two nodes with a table `people` each, over these names.
    pub(crate) fn with_people(a: &[String], b: &[String], minimum: u64) -> Self {
        let table = |people: &[String], minimum| {
            people_table("text", (people.len() as u64).max(1), minimum, "")
        };
        let world = Self::new(&table(a, 1), &table(b, minimum));
        world.a.write("people.csv", &people_csv(a));
        world.b.write("people.csv", &people_csv(b));
        world
    }

    pub(crate) fn serve(&mut self) {
        self.a.serve();
        self.b.serve();
    }

    /// Anna's exported log, after both logs verified and agreed in every entry.
    #[track_caller]
    pub(crate) fn agreed_log(&self) -> String {
        // First and last line say who exported. The sequencer may still be storing the signature
        // that the other has sent.
        let entries = |log: &str| {
            log.lines()
                .filter(|line| line.contains("\"entry\""))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let mut a = String::new();
        eventually("both logs hold the same entries", || {
            a = self.a.export();
            entries(&a) == entries(&self.b.export())
        });
        let file = |node: &Node| node.dir.join("export.jsonl").to_str().unwrap().to_owned();
        psi_node(&[
            "receipts",
            "verify",
            &file(&self.a),
            "--against",
            &file(&self.b),
        ])
        .expect(0);
        a
    }
}

pub(crate) fn people_csv(people: &[String]) -> String {
    people
        .iter()
        .fold(String::from("name\n"), |text, person| text + person + "\n")
}

/// `person-<n>` for every n of the range.
pub(crate) fn people(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|n| format!("person-{n}")).collect()
}

pub(crate) const COUNT: &str =
    "SELECT COUNT(*) FROM anna.people AS a JOIN bert.people AS b ON a.name = b.name";
