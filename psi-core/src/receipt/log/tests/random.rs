//! Any course of jobs, refusals, crashes, restored copies and repairs, from a seed.

use proptest::prelude::*;

use super::bodies::{completed, opened};
use super::*;

/// What happens next.
#[derive(Clone, Debug)]
enum Op {
    Open(Option<Crash>),
    Close(Option<Crash>),
    Refuse(Option<Crash>),
    Settle(usize, Option<Crash>),
    /// The owner restores a copy from this many changes ago.
    Restore(usize, usize),
    /// The owner states something, if the log was found broken.
    Repair(usize),
}

fn crash() -> impl Strategy<Value = Option<Crash>> {
    let crash = (0_usize..2, 0_usize..8, any::<bool>());
    prop::option::of(crash.prop_map(|(member, before, lost)| Crash {
        member,
        before,
        lost,
    }))
}

fn op(restores: bool) -> impl Strategy<Value = Op> {
    let member = 0_usize..2;
    let weight = u32::from(restores);
    prop_oneof![
        4 => crash().prop_map(Op::Open),
        3 => crash().prop_map(Op::Close),
        2 => crash().prop_map(Op::Refuse),
        2 => (member.clone(), crash()).prop_map(|(at, crash)| Op::Settle(at, crash)),
        weight => (member.clone(), 1_usize..12).prop_map(|(at, ago)| Op::Restore(at, ago)),
        2 * weight => member.prop_map(Op::Repair),
    ]
}

/// Two members, and the next job's nonce.
struct World {
    pair: Pair,
    nonce: u8,
}

impl World {
    /// Two nodes settle whenever they connect. Returns whether they may go on.
    fn connect(&mut self) -> bool {
        for node in &mut self.pair.nodes {
            node.disk.before_today = node.disk.entries.len();
        }
        self.pair.settle(SEQUENCER) == [End::Done, End::Done]
    }

    /// A job's exchange; a crash, or a connection that breaks, ends all jobs.
    fn exchange(&mut self, body: &Body, crash: Option<Crash>) {
        let (ends, _) = self.pair.append(body, crash);
        if ends != [End::Done, End::Done] {
            self.pair.restart();
        }
    }

    fn act(&mut self, op: &Op) {
        match op {
            Op::Open(crash) => {
                if self.connect() {
                    self.nonce += 1;
                    self.pair.agree(self.nonce);
                    self.exchange(&opened(self.nonce), *crash);
                }
            }
            Op::Close(crash) => {
                let job_id = bodies::job(self.nonce).job_id();
                let open = |node: &Node| node.disk.open_jobs().contains(&job_id);
                let runs = |node: &Node| node.running.contains(&job_id);
                let awaited = self.pair.nodes[FOLLOWER].disk.awaited.contains_key(&job_id);
                if awaited && self.pair.nodes.iter().all(|node| open(node) && runs(node)) {
                    self.pair.nodes[FOLLOWER].await_closing(&job_id);
                    self.exchange(&completed(self.nonce), *crash);
                    self.pair.restart();
                }
            }
            Op::Refuse(crash) => {
                if self.connect() {
                    let body = self.pair.question();
                    self.exchange(&body, *crash);
                }
            }
            Op::Settle(starter, crash) => {
                let (ends, _) = self.pair.settle_with(*starter, *crash);
                if ends.contains(&End::Dead) {
                    self.pair.restart();
                }
            }
            Op::Restore(member, ago) => {
                self.pair.restart();
                let node = &mut self.pair.nodes[*member];
                let mut at = node.history.len().saturating_sub(1 + ago);
                // A half-signed copy lacks that signature for good (`rollback`).
                while !node.history[at].is_complete() {
                    at -= 1;
                }
                // What came after the copy is gone forever.
                node.history.truncate(at + 1);
                node.disk = node.history[at].clone();
            }
            Op::Repair(member) => self.repair(*member),
        }
    }

    fn repair(&mut self, member: usize) {
        self.connect();
        let disk = &mut self.pair.nodes[member].disk;
        if disk.broken.is_some() {
            disk.statement = Some("restored from a backup".into());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn crashes_alone_break_no_log_and_lose_no_entry(ops in prop::collection::vec(op(false), 1..14)) {
        let mut world = World { pair: Pair::new(), nonce: 0 };
        for op in &ops {
            let before = world.pair.clone();
            world.act(op);
            for (before, after) in before.nodes.iter().zip(&world.pair.nodes) {
                let kept = before.disk.entries.iter().zip(&after.disk.entries);
                prop_assert!(kept.into_iter().all(|(before, after)| before.entry == after.entry));
                prop_assert!(before.disk.entries.len() <= after.disk.entries.len());
                prop_assert_eq!(&after.disk.broken, &None);
                prop_assert_eq!(after.disk.doubt, None);
            }
        }
        world.pair.restart();
        prop_assert!(world.connect());
        world.pair.assert_agree();
    }

    #[test]
    fn whatever_is_restored_both_owners_words_make_the_logs_one_again(
        ops in prop::collection::vec(op(true), 1..14),
    ) {
        let mut world = World { pair: Pair::new(), nonce: 0 };
        for op in &ops {
            world.act(op);
        }
        world.pair.restart();
        // Each owner states what happened; a second settlement carries the second statement.
        for _ in 0..2 {
            for node in &mut world.pair.nodes {
                node.disk.statement = Some("restored from a backup".into());
            }
            world.connect();
        }
        world.pair.restart();
        world.connect();
        world.pair.assert_agree();
    }
}
