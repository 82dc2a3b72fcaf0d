//! Two `psi-node` processes with a table each, joined in a collaboration.
//!
//! The program is the one that users run, and is used as they use it: `init`, `collab`, `serve`,
//! `query`. The Receiver's node is also the one that asks.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::data::{IdKind, Source, region_name};
use crate::failure::{Failure, Outcome};
use crate::proc::{cpu_seconds, peak_rss_bytes};
use crate::question::Question;
use crate::report::{Load, Pair};
use crate::size::shown;

/// The environment variable that makes a node use one kernel.
const KERNEL_VARIABLE: &str = "PSI_KERNEL";
/// What a node logs, among it the kernel that it uses.
const LOG_VARIABLE: (&str, &str) = ("RUST_LOG", "warn,psi_node=info");

/// What two nodes are made for.
pub(crate) struct Setup<'a> {
    /// The node's program.
    pub(crate) program: &'a Path,
    /// Where nodes and tables are kept.
    pub(crate) folder: &'a Path,
    pub(crate) source: Source,
    pub(crate) id_kind: IdKind,
    pub(crate) rows: Pair<u64>,
    /// The regions of the Sender's rows; `None` if its table has identifiers alone.
    pub(crate) regions: Option<u64>,
    pub(crate) memory_limit: Option<&'a str>,
    /// Longest wait for a table to load, and for an answer.
    pub(crate) patience: Duration,
}

/// A node that is configured and has not been started.
struct Prepared {
    config: PathBuf,
    address: SocketAddr,
    id: String,
}

/// A node that listens; killed when dropped.
pub(crate) struct Node {
    config: PathBuf,
    daemon: Child,
}

impl Drop for Node {
    fn drop(&mut self) {
        // The daemon may have ended already.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

impl Node {
    pub(crate) fn pid(&self) -> u32 {
        self.daemon.id()
    }

    /// Where the node keeps lists that do not fit into memory.
    pub(crate) fn lists_folder(&self) -> PathBuf {
        self.config.with_file_name("state").join("jobs")
    }
}

impl Setup<'_> {
    /// Where the table of a role is expected.
    pub(crate) fn table_file(&self, role: &str) -> PathBuf {
        let extension = self.source.extension();
        self.folder.join(format!("{role}.{extension}"))
    }

    /// Makes both nodes anew and starts them, one after the other, so that each loads its table
    /// with the whole machine.
    pub(crate) fn start(&self, kernel: &str) -> Outcome<Pair<(Node, Load)>> {
        let receiver = self.prepare("receiver", self.rows.receiver)?;
        let sender = self.prepare("sender", self.rows.sender)?;
        self.collaborate(&[("receiver", &receiver), ("sender", &sender)])?;
        Ok(Pair {
            receiver: self.serve(receiver, kernel)?,
            sender: self.serve(sender, kernel)?,
        })
    }

    fn prepare(&self, role: &str, rows: u64) -> Outcome<Prepared> {
        let folder = self.folder.join(role);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let address = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let listen = address.to_string();
        let init = ["--name", role, "--listen", &listen];
        run(self.node().arg("init").arg(&folder).args(init))?;
        let config = folder.join("node.toml");
        fs::write(&config, self.configuration(role, rows, &listen))?;
        let id = run(self.node().args(["id", "--config"]).arg(&config))?;
        Ok(Prepared {
            config,
            address,
            id: id.trim().to_owned(),
        })
    }

    fn configuration(&self, role: &str, rows: u64, listen: &str) -> String {
        let mut text = format!("name = \"{role}\"\nlisten = \"{listen}\"\nstate_dir = \"state\"\n");
        let Pair { receiver, sender } = self.rows;
        // Writing into a String cannot fail.
        let _ = writeln!(text, "identities_max = {}", receiver.max(sender));
        if let Some(limit) = self.memory_limit {
            let _ = writeln!(text, "memory_limit = \"{limit}\"");
        }
        let (extension, kind) = (self.source.extension(), self.id_kind.name());
        let _ = writeln!(
            text,
            "\n[table.ids]\nsource = \"../{role}.{extension}\"\nminimum = 1"
        );
        let _ = writeln!(
            text,
            "\n[[table.ids.key]]\ncolumns = [\"id\"]\nkinds = [\"{kind}\"]\nunique = true\n\
             identities = {rows}"
        );
        if let (Some(regions), "sender") = (self.regions, role) {
            let names: Vec<String> = (0..regions)
                .map(|number| format!("{:?}", region_name(number)))
                .collect();
            let _ = writeln!(
                text,
                "[table.ids.dimension]\nregion = [{}]\n\n[table.ids.aggregate.amount]\n\
                 functions = [\"sum\"]",
                names.join(", ")
            );
        }
        text
    }

    fn collaborate(&self, members: &[(&str, &Prepared); 2]) -> Outcome<()> {
        let file = self.folder.join("bench.toml");
        if file.exists() {
            fs::remove_file(&file)?;
        }
        let mut new = self.node();
        // Fixes the roles: a member that may not receive is never the Receiver.
        new.args(["collab", "new", "--name", "bench"])
            .args(["--no-receive", "sender", "-o"])
            .arg(&file);
        for (name, node) in members {
            new.args(["--member", &format!("{name}={}@{}", node.id, node.address)]);
        }
        run(&mut new)?;
        for step in ["sign", "join"] {
            for (_, node) in members {
                let mut command = self.node();
                command.args(["collab", step]).arg(&file);
                run(command.arg("--config").arg(&node.config))?;
            }
        }
        Ok(())
    }

    /// Starts a node and waits until it listens.
    fn serve(&self, node: Prepared, kernel: &str) -> Outcome<(Node, Load)> {
        let started = Instant::now();
        let log_file = node.config.with_file_name("serve.log");
        let mut daemon = self
            .node()
            .args(["serve", "--config"])
            .arg(&node.config)
            .env(KERNEL_VARIABLE, kernel)
            .env(LOG_VARIABLE.0, LOG_VARIABLE.1)
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&log_file)?)
            .spawn()?;
        let stdout = daemon.stdout.take();
        let node = Node {
            config: node.config,
            daemon,
        };
        let output = stdout.ok_or_else(|| Failure::other("standard output is piped"))?;
        let (ready, wait) = mpsc::channel();
        // A thread of its own: a read cannot be given up after a time.
        thread::spawn(move || {
            let mut said = String::new();
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                said += &line;
                said.push('\n');
                if line.contains("listening on") {
                    let _ = ready.send(Ok(()));
                }
            }
            let _ = ready.send(Err(said));
        });
        match wait.recv_timeout(self.patience) {
            Ok(Ok(())) => {}
            Ok(Err(said)) => {
                let log = fs::read_to_string(&log_file)?;
                return Err(Failure::other(format!("a node did not start: {said}{log}")));
            }
            Err(_) => {
                return Err(Failure::TimedOut(format!(
                    "a node did not load its table in {} seconds; allow more with --timeout",
                    self.patience.as_secs()
                )));
            }
        }
        // A figure under the name of another kernel would be worse than none.
        if !fs::read_to_string(log_file)?.contains(&format!("kernel=\"{kernel}\"")) {
            return Err(Failure::other(format!(
                "the node does not say in its log that it uses the kernel `{kernel}`; is it as \
                 new as this program?"
            )));
        }
        let load = Load {
            wall_seconds: started.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds(node.pid())?,
            peak_rss_bytes: peak_rss_bytes(node.pid())?,
        };
        Ok((node, load))
    }

    /// Asks `node`, checks the answer over the `shared` rows, and returns the result document's
    /// statistics and the wall time.
    pub(crate) fn ask(
        &self,
        node: &Node,
        question: Question,
        shared: Range<u64>,
    ) -> Outcome<(Value, Duration)> {
        let sql = question.sql();
        let mut command = self.node();
        command.args(["query", "--collab", "bench", "--format", "json", &sql]);
        command.arg("--config").arg(&node.config);
        let started = Instant::now();
        let mut client = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdout, stderr) = (
            read_all(client.stdout.take()),
            read_all(client.stderr.take()),
        );
        let Ok(stdout) = stdout.recv_timeout(self.patience) else {
            let _ = client.kill();
            let _ = client.wait();
            return Err(Failure::TimedOut(format!(
                "no answer in {} seconds; allow more with --timeout",
                self.patience.as_secs()
            )));
        };
        client.wait()?;
        let wall = started.elapsed();
        let document: Value = serde_json::from_str(&stdout).map_err(|_| {
            Failure::other(format!(
                "the query gave no document: {stdout}{}",
                stderr.recv().unwrap_or_default()
            ))
        })?;
        let right = question.answers(shared);
        match Question::read(&document) {
            Some(answer) if answer == right => self.check_roles(&document)?,
            Some(answer) => {
                return Err(Failure::WrongAnswer(format!(
                    "the answer is {answer:?}; of the rows that the tables share it is {right:?}"
                )));
            }
            None => return Err(Failure::other(format!("the query failed: {document:#}"))),
        }
        Ok((document["stats"].clone(), wall))
    }

    /// Whether the roles were the intended ones: the Receiver's list has its registered size and
    /// canaries, the Sender's its registered size.
    fn check_roles(&self, document: &Value) -> Outcome<()> {
        let size = |name: &str| document["stats"][name].as_u64().unwrap_or(0);
        let Pair { receiver, sender } = self.rows;
        let canaries = psi_core::limits::CANARIES_MAX;
        let points = receiver..=receiver + canaries;
        if size("sender_size") == sender && points.contains(&size("receiver_size")) {
            return Ok(());
        }
        Err(Failure::other(format!(
            "{} rows were to be the Receiver's and {} the Sender's: {}",
            shown(receiver),
            shown(sender),
            document["stats"]
        )))
    }

    fn node(&self) -> Command {
        Command::new(self.program)
    }
}

/// Reads a stream to its end on a thread of its own.
fn read_all(stream: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            let _ = stream.read_to_end(&mut bytes);
        }
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receive
}

/// Runs a command to its end and returns what it printed.
pub(crate) fn run(command: &mut Command) -> Outcome<String> {
    let program = command.get_program().display().to_string();
    let output = command
        .output()
        .map_err(|error| Failure::other(format!("{program}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::other(format!("{program} failed: {said}")))
}

/// The node's program: the one named, or the one beside this program.
pub(crate) fn find_program(named: Option<&Path>) -> Outcome<PathBuf> {
    let program = match named {
        Some(program) => program.to_owned(),
        None => std::env::current_exe()?.with_file_name("psi-node"),
    };
    if program.is_file() {
        return Ok(program);
    }
    let release = if cfg!(debug_assertions) {
        ""
    } else {
        "--release "
    };
    Err(Failure::Usage(format!(
        "there is no {}; build it with `cargo build {release}-p psi-node`, or name another with \
         --node",
        program.display()
    )))
}
