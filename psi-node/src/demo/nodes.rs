//! The two node processes of the demo, which never outlive it.
//!
//! Three things end a node: being asked to (its standard input is closed), this value being dropped
//! (it is killed), and this process dying in whatever way (its end of the pipe closes).

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::error::UserError;

/// How long a node may take to load its table and listen.
const READY_MAX: Duration = Duration::from_mins(2);
/// How long a node may take to stop before it is killed.
const STOP_MAX: Duration = Duration::from_secs(20);
/// Where a node of the demo logs, in its folder.
pub(super) const LOG_FILE: &str = "node.log";

/// Two free ports of this machine. They are free when this returns; another program could take
/// one before the node does, which the node then reports.
pub(super) fn free_addresses() -> Result<[SocketAddr; 2], UserError> {
    let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    // Both are held until both are known, so that they differ.
    let ports = bind().and_then(|a| bind().map(|b| (a, b)));
    let addresses = ports.and_then(|(a, b)| Ok([a.local_addr()?, b.local_addr()?]));
    addresses.map_err(|e| UserError::machine("cannot find free ports on 127.0.0.1", e))
}

/// A running `psi-node serve`.
pub(super) struct Node {
    name: &'static str,
    child: Child,
}

impl Node {
    /// Starts a node and waits until it listens. Its announcement is returned line by line.
    pub(super) async fn start(
        name: &'static str,
        folder: &Path,
    ) -> Result<(Self, Vec<String>), UserError> {
        let failed = |e| UserError::machine(format!("cannot start the node {name}"), e);
        let program = std::env::current_exe().map_err(failed)?;
        let log_path = folder.join(LOG_FILE);
        let log = File::create(&log_path).map_err(failed)?;
        let mut child = Command::new(program)
            .args([
                "serve",
                "--until-stdin-closes",
                "--log-level",
                "info",
                "--config",
            ])
            .arg(folder.join(crate::cli::init::CONFIG_FILE))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| UserError::internal("a pipe is missing"))?;
        let node = Self { name, child };
        let mut lines = BufReader::new(stdout).lines();
        let mut announced = Vec::new();
        let ready = async {
            while let Ok(Some(line)) = lines.next_line().await {
                let listens = line.starts_with("listening on ");
                announced.push(line);
                if listens {
                    return true;
                }
            }
            false
        };
        if tokio::time::timeout(READY_MAX, ready).await != Ok(true) {
            let log = std::fs::read_to_string(&log_path).unwrap_or_default();
            return Err(UserError::new(
                crate::exit::Exit::Internal,
                format!("the node {name} did not start:\n{}", log.trim_end()),
                "correct what it reports, then run the demo again",
            ));
        }
        Ok((node, announced))
    }

    /// Asks the node to stop and waits until it has.
    pub(super) async fn stop(mut self) -> Result<(), UserError> {
        drop(self.child.stdin.take());
        match tokio::time::timeout(STOP_MAX, self.child.wait()).await {
            Ok(Ok(status)) if status.success() => Ok(()),
            Ok(Ok(status)) => Err(UserError::internal(format!(
                "the node {} ended with {status}",
                self.name
            ))),
            Ok(Err(e)) => Err(UserError::machine("cannot wait for a node", e)),
            // Dropping it kills it.
            Err(_elapsed) => Err(UserError::internal(format!(
                "the node {} did not stop in time",
                self.name
            ))),
        }
    }
}
