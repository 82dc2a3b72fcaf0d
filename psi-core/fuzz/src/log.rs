//! Operations on the receipt log of two members in memory: jobs, refusals, settlements, crashes
//! before any change or message, copies restored, owners' statements (Spec 07 §2, Spec 06 §4).
//!
//! Promised whatever happens: what a machine stores continues its log; no signature leaves before
//! the entry that it signs is stored; as long as at most one member lost its disk, no number has two
//! entries that both members signed; without a restored copy no log loses an entry or is found
//! broken. Once both members are up, and their owners have said what they restored, the logs are the
//! same, verify, and no entry lacks a signature.

mod bodies;
mod member;

use std::collections::BTreeMap;
use std::convert::Infallible;

use psi_core::messages::Control;
use psi_core::receipt::log::{
    Append, LogError, Machine, Member, Next, Settlement, StepResult, StoredEntry,
};
use psi_core::receipt::{Body, ChainVerifier, EntryHash, LogMember};
use psi_core::{Code, Error};

use bodies::COLLAB;
use member::Node;

/// More would only be slower.
const OPERATIONS_MAX: usize = 24;

/// Which of the two members is which.
const SEQUENCER: usize = 0;
const FOLLOWER: usize = 1;

/// Does what the bytes say, then lets both members settle; `true` if the logs hold an entry.
///
/// # Panics
/// If one of the promises above is broken.
pub fn log(data: &[u8]) -> bool {
    let mut world = World::new();
    let (operations, _) = data.as_chunks::<3>();
    for [what, member, place] in operations.iter().take(OPERATIONS_MAX) {
        let crash = Crash::read(*place);
        let member = usize::from(member % 2);
        let before = world.nodes.each_ref().map(|node| node.disk.entries.clone());
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

/// Which member's process ends, before which of its actions, and whether what it had sent arrives.
#[derive(Clone, Copy)]
struct Crash {
    member: usize,
    before: usize,
    lost: bool,
}

impl Crash {
    /// None in half of all cases.
    fn read(place: u8) -> Option<Self> {
        (place < 128).then_some(Self {
            member: usize::from(place % 2),
            before: usize::from(place / 2 % 8),
            lost: place / 16 % 2 == 1,
        })
    }
}

/// How an exchange ended for one member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// The other member is told this code.
    Refused(Code),
    /// The process ended.
    Dead,
    /// The other one ended it.
    Cut,
}

impl From<LogError<Infallible>> for End {
    fn from(error: LogError<Infallible>) -> Self {
        match error {
            LogError::Protocol(Error::ApiMisuse(what)) => panic!("the driver is at fault: {what}"),
            LogError::Protocol(error) => Self::Refused(error.code()),
            LogError::PeerAborted(_) => Self::Cut,
            LogError::Unfinished => Self::Refused(Code::Unavailable),
            LogError::Disagree(_) => Self::Refused(Code::ReceiptsDisagree),
        }
    }
}

/// One member in an exchange.
enum Side<M> {
    /// Has not heard of it yet.
    Asleep,
    Awaits(M),
    Ended(End),
}

/// Two members, and what is known of their log.
struct World {
    nodes: [Node; 2],
    /// The number of the latest job.
    nonce: u8,
    /// Members whose disk was ever replaced by an older copy.
    restored: [bool; 2],
    /// Every entry that both members signed, by number.
    complete: BTreeMap<u64, EntryHash>,
}

impl World {
    fn new() -> Self {
        let [sequencer, follower] = bodies::keys();
        let ids = [&sequencer, &follower].map(bodies::node_id);
        Self {
            nodes: [Node::new(sequencer, ids[1]), Node::new(follower, ids[0])],
            nonce: 0,
            restored: [false; 2],
            complete: BTreeMap::new(),
        }
    }

    fn open(&mut self, crash: Option<Crash>) {
        if self.settle(SEQUENCER, None) == [End::Done; 2] {
            self.nonce += 1;
            let job_id = bodies::job(self.nonce).job_id();
            for node in &mut self.nodes {
                node.running.push(job_id);
            }
            self.nodes[FOLLOWER].await_opening(self.nonce);
            self.append(&bodies::opened(self.nonce), crash);
        }
    }

    /// Completes the latest job, if both run it.
    fn close(&mut self, crash: Option<Crash>) {
        let Some(job_id) = self.nodes[SEQUENCER].disk.open().last().copied() else {
            return;
        };
        let holds = |node: &Node| {
            node.disk.open().contains(&job_id)
                && node.disk.is_complete()
                && node.running.contains(&job_id)
        };
        if self.nodes[FOLLOWER].disk.awaited.contains_key(&job_id) && self.nodes.iter().all(holds) {
            self.nodes[FOLLOWER].await_closing(job_id);
            self.append(&bodies::completed(job_id), crash);
            self.restart();
        }
    }

    fn refuse(&mut self, crash: Option<Crash>) {
        if self.settle(SEQUENCER, None) == [End::Done; 2] {
            let body = bodies::refused();
            self.nodes[FOLLOWER].await_refusal(&body);
            self.append(&body, crash);
        }
    }

    fn settle_or_restart(&mut self, starter: usize, crash: Option<Crash>) {
        if self.settle(starter, crash).contains(&End::Dead) {
            self.restart();
        }
    }

    /// The owner restores a copy from `ago` changes ago.
    fn restore(&mut self, member: usize, ago: usize) {
        self.restart();
        let node = &mut self.nodes[member];
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
        let disk = &mut self.nodes[member].disk;
        if disk.broken.is_some() {
            disk.statement = Some("restored from a backup".into());
        }
    }

    /// No job runs any more on either side.
    fn restart(&mut self) {
        for node in &mut self.nodes {
            node.running.clear();
        }
    }

    /// Puts one entry on both logs, as in a job; a crash, or a connection that breaks, ends all jobs.
    fn append(&mut self, body: &Body, crash: Option<Crash>) {
        let start = |member: &Member<'_, Node>| Append::start(member, body.clone());
        if self.exchange([true; 2], crash, start, |_, _| {
            unreachable!("both are awake")
        }) != [End::Done; 2]
        {
            self.restart();
        }
    }

    fn settle(&mut self, starter: usize, crash: Option<Crash>) -> [End; 2] {
        let awake = [starter == SEQUENCER, starter == FOLLOWER];
        self.exchange(awake, crash, Settlement::start, Settlement::answer)
    }

    /// Runs an exchange in which those who are awake begin with `start`, and the other one answers
    /// the first message with `answer`.
    fn exchange<M: Machine>(
        &mut self,
        awake: [bool; 2],
        crash: Option<Crash>,
        start: impl Fn(&Member<'_, Node>) -> StepResult<M, Node>,
        answer: impl Fn(&Member<'_, Node>, Control) -> StepResult<M, Node>,
    ) -> [End; 2] {
        let mut fuses = [SEQUENCER, FOLLOWER].map(|at| {
            crash
                .filter(|crash| crash.member == at)
                .map(|crash| crash.before)
        });
        let mut sides: [Side<M>; 2] = [Side::Asleep, Side::Asleep];
        let mut inboxes = [Vec::new(), Vec::new()];
        let mut awake = awake;
        loop {
            let beginner = awake.iter().position(|awake| *awake);
            let hears =
                |at: &usize| !inboxes[*at].is_empty() && !matches!(sides[*at], Side::Ended(_));
            let Some(at) = beginner.or_else(|| (0..2).find(hears)) else {
                break;
            };
            let node = &self.nodes[at];
            let step = if std::mem::take(&mut awake[at]) {
                node.ask(&start)
            } else {
                let message = inboxes[at].remove(0);
                match std::mem::replace(&mut sides[at], Side::Asleep) {
                    Side::Awaits(state) => node.ask(|member| state.handle(member, message)),
                    _ => node.ask(|member| answer(member, message)),
                }
            };
            let mut sent = Vec::new();
            sides[at] = match carry_out(&mut self.nodes[at], &mut fuses[at], step, &mut sent) {
                Ok(state) => Side::Awaits(state),
                Err(end) => {
                    if let End::Refused(code) = end {
                        sent.push(Control::Abort(code));
                    }
                    if end == End::Dead && crash.is_some_and(|crash| crash.lost) {
                        sent.clear();
                        inboxes[1 - at].clear();
                    }
                    Side::Ended(end)
                }
            };
            inboxes[1 - at].extend(sent);
        }
        sides.map(|side| match side {
            Side::Ended(end) => end,
            Side::Asleep | Side::Awaits(_) => End::Cut,
        })
    }

    /// What holds after each operation.
    fn check(&mut self, before: &[Vec<StoredEntry>; 2]) {
        let restored = self.restored.iter().filter(|restored| **restored).count();
        for (before, node) in before.iter().zip(&self.nodes) {
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
        self.restart();
        if self.restored.contains(&true) {
            // A second settlement carries the second statement.
            for _ in 0..2 {
                for node in &mut self.nodes {
                    node.disk.statement = Some("restored from a backup".into());
                }
                self.settle(SEQUENCER, None);
            }
        }
        let ends = self.settle(FOLLOWER, None);
        assert!(ends == [End::Done; 2], "the logs do not settle");
        let [first, second] = &self.nodes;
        assert!(first.disk.entries == second.disk.entries, "the logs differ");
        let names = [first, second].map(|node| LogMember {
            node_id: node.id(),
            name: "member".to_owned(),
        });
        let mut verifier = ChainVerifier::new(COLLAB, names);
        for stored in &first.disk.entries {
            let checked = verifier.check(&stored.entry, &stored.signatures);
            assert!(checked.is_ok(), "the log does not verify: {checked:?}");
        }
        let summary = verifier.finish();
        assert!(
            summary.unsigned.is_empty(),
            "the last entry lacks a signature"
        );
        for node in [first, second] {
            assert!(node.disk.broken.is_none() && node.disk.statement.is_none());
            assert!(
                node.disk.open().is_empty(),
                "a job that does not run is open"
            );
        }
        summary.entries > 0
    }
}

/// Carries out a step, and all that follow without a message. Returns the state that awaits one. The
/// member ends before its action number `fuse`.
fn carry_out<M: Machine>(
    node: &mut Node,
    fuse: &mut Option<usize>,
    step: StepResult<M, Node>,
    sent: &mut Vec<Control>,
) -> Result<M, End> {
    let mut burn = || match fuse {
        Some(0) => Err(End::Dead),
        Some(left) => {
            *left -= 1;
            Ok(())
        }
        None => Ok(()),
    };
    let mut step = step?;
    loop {
        for change in step.store {
            burn()?;
            node.apply(change);
        }
        if let Some(message) = step.send {
            burn()?;
            node.assert_stored(&message);
            sent.push(message);
        }
        step = match step.next {
            Next::Expect(state) => return Ok(state),
            Next::Go(state) => node.ask(|member| state.go_on(member))?,
            Next::Done => return Err(End::Done),
            Next::Broken(_) => return Err(End::Refused(Code::ReceiptsDisagree)),
        };
    }
}
