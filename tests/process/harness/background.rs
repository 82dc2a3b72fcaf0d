//! A query that runs while a test does something else. Called by the tests through
//! [`super::Node::query_in_background`].

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use super::{PATIENCE, Ran};

/// A query that is running.
pub(crate) struct Background(pub(super) Child);

impl Background {
    pub(crate) fn wait(self) -> Ran {
        Ran::from(&self.0.wait_with_output().unwrap())
    }

    /// [`Self::wait`], for a query that ends however long its node waits for the peer.
    #[track_caller]
    pub(crate) fn wait_patiently(mut self) -> Ran {
        let start = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            if start.elapsed() >= PATIENCE {
                let _ = self.0.kill();
                panic!("the query did not end: {:?}", self.wait());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        self.wait()
    }

    /// What Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        signal("INT", &self.0);
    }
}

/// Sends a signal to a process that a test has started.
pub(super) fn signal(name: &str, to: &Child) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), to.id().to_string()])
        .status();
    assert!(sent.unwrap().success(), "{name} could not be sent");
}
