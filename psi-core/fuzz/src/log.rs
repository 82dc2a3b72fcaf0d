//! Operations on the receipt log of two members in memory: jobs, refusals, settlements, crashes
//! before any change or message, copies restored, owners' statements (Spec 07 §2, Spec 06 §4).
//!
//! Promised whatever happens: what a machine stores continues its log; no signature leaves before
//! the entry that it signs is stored; as long as at most one member lost its disk, no number has two
//! entries that both members signed; without a restored copy no log loses an entry or is found
//! broken. Once both members are up, and their owners have said what they restored, the logs are the
//! same, verify, and no entry lacks a signature.

use std::collections::BTreeMap;

use psi_core::receipt::log::StoredEntry;
use psi_core::receipt::{Body, EntryHash};

use super::log_fixture::bodies;
use super::log_fixture::node::Node;
use super::log_fixture::pair::{Crash, End, FOLLOWER, Pair, SEQUENCER};

/// More would only be slower.
const OPERATIONS_MAX: usize = 24;

/// Does what the bytes say, then lets both members settle; `true` if the logs hold an entry.
///
/// # Panics
/// If one of the promises above is broken.
pub fn log(data: &[u8]) -> bool {
    let mut world = World::new();
    let (operations, _) = data.as_chunks::<3>();
    for [what, member, place] in operations.iter().take(OPERATIONS_MAX) {
        let crash = crash_of(*place);
        let member = usize::from(member % 2);
        let before = world
            .pair
            .nodes
            .each_ref()
            .map(|node| node.disk.entries.clone());
        match what % 8 {
            0 | 1 => world.open(crash),
            2 | 3 => world.close(crash),
            4 => world.refuse(crash),
            5 => world.settle_or_restart(member, crash),
            6 => world.restore(member, usize::from(*place)),
            _ => world.state(member),
        }
        world.check(&before);
    }
    world.end()
}

/// Reads when a process ends: in half of all cases none does.
fn crash_of(place: u8) -> Option<Crash> {
    (place < 128).then_some(Crash {
        member: usize::from(place % 2),
        before: usize::from(place / 2 % 8),
        lost: place / 16 % 2 == 1,
    })
}

const DONE: [End; 2] = [End::Done, End::Done];

/// Two members, and what is known of their log.
struct World {
    pair: Pair,
    /// The number of the latest job.
    nonce: u8,
    /// Members whose disk was ever replaced by an older copy.
    restored: [bool; 2],
    /// Every entry that both members signed, by number.
    complete: BTreeMap<u64, EntryHash>,
}

impl World {
    fn new() -> Self {
        Self {
            pair: Pair::new(),
            nonce: 0,
            restored: [false; 2],
            complete: BTreeMap::new(),
        }
    }

    fn open(&mut self, crash: Option<Crash>) {
        if self.settle(SEQUENCER, None) == DONE {
            self.nonce += 1;
            self.pair.agree(self.nonce);
            self.append(&bodies::opened(self.nonce), crash);
        }
    }

    /// Completes the latest job, if both run it.
    fn close(&mut self, crash: Option<Crash>) {
        let Some(job_id) = self.pair.nodes[SEQUENCER].disk.open_jobs().last().copied() else {
            return;
        };
        let holds = |node: &Node| {
            node.disk.open_jobs().contains(&job_id)
                && node.disk.is_complete()
                && node.running.contains(&job_id)
        };
        let nodes = &mut self.pair.nodes;
        if nodes[FOLLOWER].disk.awaited.contains_key(&job_id) && nodes.iter().all(holds) {
            nodes[FOLLOWER].await_closing(&job_id);
            self.append(&bodies::completed_job(job_id), crash);
            self.pair.restart();
        }
    }

    fn refuse(&mut self, crash: Option<Crash>) {
        if self.settle(SEQUENCER, None) == DONE {
            let body = self.pair.question();
            self.append(&body, crash);
        }
    }

    fn settle_or_restart(&mut self, starter: usize, crash: Option<Crash>) {
        if self.settle(starter, crash).contains(&End::Dead) {
            self.pair.restart();
        }
    }

    /// The owner restores a copy from `ago` changes ago.
    fn restore(&mut self, member: usize, ago: usize) {
        self.pair.restart();
        let node = &mut self.pair.nodes[member];
        let mut at = node.history.len().saturating_sub(1 + ago % 12);
        // A half-signed copy may lack that signature for good, which no statement repairs.
        while !node.history[at].is_complete() {
            at -= 1;
        }
        self.restored[member] |= at + 1 < node.history.len();
        node.history.truncate(at + 1);
        node.disk = node.history[at].clone();
    }

    /// The owner of a log that was found broken says what happened.
    fn state(&mut self, member: usize) {
        self.settle(SEQUENCER, None);
        let disk = &mut self.pair.nodes[member].disk;
        if disk.broken.is_some() {
            disk.statement = Some("restored from a backup".into());
        }
    }

    /// Puts one entry on both logs, as in a job; a crash, or a connection that breaks, ends all jobs.
    fn append(&mut self, body: &Body, crash: Option<Crash>) {
        let (ends, _) = self.pair.append(body, crash);
        if ends != DONE {
            self.pair.restart();
        }
    }

    /// Settles, on a day of its own.
    fn settle(&mut self, starter: usize, crash: Option<Crash>) -> [End; 2] {
        for node in &mut self.pair.nodes {
            node.disk.before_today = node.disk.entries.len();
        }
        let (ends, _) = self.pair.settle_with(starter, crash);
        ends
    }

    /// What holds after each operation.
    fn check(&mut self, before: &[Vec<StoredEntry>; 2]) {
        let restored = self.restored.iter().filter(|restored| **restored).count();
        for (before, node) in before.iter().zip(&self.pair.nodes) {
            if restored == 0 {
                let mut kept = before.iter().zip(&node.disk.entries);
                assert!(
                    before.len() <= node.disk.entries.len(),
                    "a log lost an entry"
                );
                assert!(
                    kept.all(|(before, now)| before.hash == now.hash),
                    "an entry changed"
                );
                assert!(node.disk.broken.is_none(), "an honest log was found broken");
            }
            if restored < 2 {
                for stored in node
                    .disk
                    .entries
                    .iter()
                    .filter(|stored| stored.is_complete())
                {
                    let known = self.complete.entry(stored.seq).or_insert(stored.hash);
                    assert_eq!(*known, stored.hash, "two entries of one number");
                }
            }
        }
    }

    /// Both members come up, and their owners say what they restored.
    fn end(mut self) -> bool {
        self.pair.restart();
        if self.restored.contains(&true) {
            // A second settlement carries the second statement.
            for _ in 0..2 {
                for node in &mut self.pair.nodes {
                    node.disk.statement = Some("restored from a backup".into());
                }
                self.settle(SEQUENCER, None);
            }
        }
        let ends = self.settle(FOLLOWER, None);
        assert!(ends == DONE, "the logs do not settle");
        self.pair.assert_agree();
        !self.pair.bodies().is_empty()
    }
}
