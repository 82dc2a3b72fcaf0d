//! Two real node processes on this machine, tables of a given size, one count: what it costs.
//!
//! Starts the `psi-node` that stands beside this program, so that the figures are those of the
//! program that users run. Checks the answer; prints one JSON document. Measures CPU seconds and
//! peak memory of each process from `/proc`, over the query alone (the nodes have loaded and
//! checked their tables before).

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use clap::Parser;
use serde_json::{Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Clock ticks per second in `/proc/PID/stat`; fixed at 100 for user space on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Counts the overlap of two generated tables with two nodes on this machine
#[derive(Debug, Parser)]
struct Arguments {
    /// Rows of each table
    #[arg(long, default_value_t = 10_000)]
    rows: u64,
    /// Rows that both tables share
    #[arg(long)]
    shared: Option<u64>,
    /// The node's program; the one beside this program if left out
    #[arg(long)]
    node: Option<PathBuf>,
}

struct Node {
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

fn main() -> Outcome<()> {
    let arguments = Arguments::parse();
    let shared = arguments.shared.unwrap_or(arguments.rows / 2);
    if shared > arguments.rows {
        return Err("more shared rows than rows".into());
    }
    let program = match &arguments.node {
        Some(program) => program.clone(),
        None => std::env::current_exe()?.with_file_name("psi-node"),
    };
    let folder = tempfile::tempdir()?;
    let started = Instant::now();
    let first_ids = [0, arguments.rows - shared];
    let [a, b] = start_nodes(&program, folder.path(), &first_ids, arguments.rows)?;
    let load_seconds = started.elapsed().as_secs_f64();

    let before = [cpu_seconds(&a)?, cpu_seconds(&b)?];
    let wall = Instant::now();
    let sql = "SELECT COUNT(*) FROM left_node.ids AS l JOIN right_node.ids AS r ON l.id = r.id";
    let query = [
        "query", "--collab", "bench", "--format", "json", sql, "--config",
    ];
    let output = Command::new(&program).args(query).arg(&a.config).output()?;
    let wall_seconds = wall.elapsed().as_secs_f64();
    let document: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    if document["rows"] != json!([[shared]]) {
        return Err(format!("the answer is wrong: {document}").into());
    }
    let cpu = [cpu_seconds(&a)? - before[0], cpu_seconds(&b)? - before[1]];
    let stats = &document["stats"];
    let bytes = ["bytes_sent", "bytes_received"].map(|name| stats[name].as_f64().unwrap_or(0.0));
    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    let elements = (2 * arguments.rows) as f64;
    let report = json!({
        "rows": arguments.rows,
        "shared": shared,
        "load_wall_seconds": load_seconds,
        "wall_seconds": wall_seconds,
        "cpu_seconds": cpu,
        "cpu_us_per_element": (cpu[0] + cpu[1]) / elements * 1e6,
        "stream_bytes_per_element": (bytes[0] + bytes[1]) / elements,
        "peak_rss_bytes": [peak_rss_bytes(&a)?, peak_rss_bytes(&b)?],
    });
    println!("{report:#}");
    Ok(())
}

fn start_nodes(
    program: &Path,
    folder: &Path,
    first_ids: &[u64; 2],
    rows: u64,
) -> Outcome<[Node; 2]> {
    let names = ["left_node", "right_node"];
    let mut members = Vec::new();
    for (name, start) in names.into_iter().zip(first_ids) {
        members.push(make_node(program, folder, name, *start, rows)?);
    }
    let collab = folder.join("bench.toml");
    let mut new = Command::new(program);
    new.args(["collab", "new", "--name", "bench", "-o"])
        .arg(&collab);
    for member in &members {
        new.args(["--member", &member.1]);
    }
    succeed(&mut new)?;
    for step in ["sign", "join"] {
        for (config, _) in &members {
            let mut command = Command::new(program);
            succeed(
                command
                    .args(["collab", step])
                    .arg(&collab)
                    .arg("--config")
                    .arg(config),
            )?;
        }
    }
    let mut nodes = Vec::new();
    for (config, _) in members {
        nodes.push(serve(program, config)?);
    }
    nodes.try_into().map_err(|_| "there are two nodes".into())
}

/// Makes a node with a table of the ids from `start` on; returns its configuration and how a
/// collaboration names it.
fn make_node(
    program: &Path,
    folder: &Path,
    name: &str,
    start: u64,
    rows: u64,
) -> Outcome<(PathBuf, String)> {
    let folder = folder.join(name);
    let address = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
    let mut init = Command::new(program);
    let listen = address.to_string();
    succeed(
        init.arg("init")
            .arg(&folder)
            .args(["--name", name, "--listen", &listen]),
    )?;
    let config = folder.join("node.toml");
    let text = format!(
        "name = \"{name}\"\nlisten = \"{listen}\"\nstate_dir = \"state\"\n\n[table.ids]\n\
         source = \"ids.csv\"\nminimum = 1\n\n[[table.ids.key]]\ncolumns = [\"id\"]\n\
         kinds = [\"int\"]\nunique = true\nidentities = {rows}\n"
    );
    fs::write(&config, text)?;
    let mut ids = String::from("id\n");
    for id in start..start + rows {
        // Spread, so that neither file is in the order of its digests or of its values.
        writeln!(ids, "{}", id.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 1)?;
    }
    fs::write(folder.join("ids.csv"), ids)?;
    let id = succeed(Command::new(program).args(["id", "--config"]).arg(&config))?;
    Ok((config, format!("{name}={}@{address}", id.trim())))
}

fn serve(program: &Path, config: PathBuf) -> Outcome<Node> {
    let log = fs::File::create(config.with_file_name("serve.log"))?;
    let mut daemon = Command::new(program)
        .args(["serve", "--config"])
        .arg(&config)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()?;
    let stdout = daemon.stdout.take().ok_or("stdout is piped")?;
    let ready = BufReader::new(stdout)
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains("listening on"));
    let node = Node { config, daemon };
    if ready {
        return Ok(node);
    }
    let log = fs::read_to_string(node.config.with_file_name("serve.log"))?;
    Err(format!("a node did not start: {log}").into())
}

fn succeed(command: &mut Command) -> Outcome<String> {
    let output = command.output().map_err(|error| {
        format!(
            "{}: {error}; build it with `cargo build --release -p psi-node`",
            command.get_program().display()
        )
    })?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned().into())
}

/// User and system time that a node has used so far.
fn cpu_seconds(node: &Node) -> Outcome<f64> {
    let line = fs::read_to_string(format!("/proc/{}/stat", node.daemon.id()))?;
    // The program's name stands in brackets and may hold spaces; the fields after it do not.
    let (_, fields) = line
        .rsplit_once(')')
        .ok_or("no process name in /proc/PID/stat")?;
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map_while(|field| field.parse().ok())
        .collect();
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

fn peak_rss_bytes(node: &Node) -> Outcome<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", node.daemon.id()))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? * 1024)
}
