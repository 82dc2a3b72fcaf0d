//! Settlements without a fault: who starts them, what they add, what they forget.

use super::bodies::{aborted, completed, job, opened, statement};
use super::*;
use crate::limits::{LIVE_JOBS_MAX, STATEMENTS_PER_DAY_MAX};
use crate::spec::JobId;

const DONE: [End; 2] = [End::Done, End::Done];

#[test]
fn two_logs_that_are_the_same_stay_so_whoever_starts() {
    let mut pair = Pair::new();
    for starter in [SEQUENCER, FOLLOWER] {
        assert_eq!(pair.settle(starter), DONE);
        assert!(pair.bodies().is_empty());
    }
    pair.open(1);
    pair.close(1);
    pair.refuse();
    for starter in [SEQUENCER, FOLLOWER] {
        assert_eq!(pair.settle(starter), DONE);
        pair.assert_agree();
        assert_eq!(pair.bodies().len(), 3);
    }
    assert_eq!(pair.nodes.map(|node| node.disk.settled), [4, 4]);
}

#[test]
fn a_job_that_runs_on_both_sides_stays_open_and_one_that_does_not_is_closed_on_both() {
    for starter in [SEQUENCER, FOLLOWER] {
        for gone in [SEQUENCER, FOLLOWER] {
            let mut pair = Pair::new();
            pair.open(1);
            pair.open(2);
            assert_eq!(pair.settle(starter), DONE);
            assert_eq!(pair.bodies(), [opened(1), opened(2)]);
            // One member gives the first job up.
            let first = job(1).job_id();
            pair.nodes[gone].running.retain(|job_id| *job_id != first);
            assert_eq!(pair.settle(starter), DONE);
            assert_eq!(pair.bodies(), [opened(1), opened(2), aborted(1)]);
            for node in &pair.nodes {
                assert_eq!(node.running, [job(2).job_id()], "the first one ends");
            }
            pair.assert_agree();
        }
    }
}

#[test]
fn the_closed_entry_says_why_the_job_ended_on_the_sequencers_side() {
    let mut pair = Pair::new();
    pair.open(1);
    pair.restart();
    for (node, code) in pair.nodes.iter_mut().zip([Code::TimedOut, Code::Cancelled]) {
        node.ended.insert(job(1).job_id(), code);
    }
    assert_eq!(pair.settle(FOLLOWER), DONE);
    let Some(Body::Closed { code, .. }) = pair.bodies().pop() else {
        panic!("closed")
    };
    assert_eq!(code, Some(Code::TimedOut));
    assert!(pair.nodes.iter().all(|node| node.ended.is_empty()));
}

#[test]
fn statements_of_both_members_come_on_the_log_the_sequencers_first() {
    for starter in [SEQUENCER, FOLLOWER] {
        let mut pair = Pair::new();
        pair.open(1);
        pair.restart();
        for node in &mut pair.nodes {
            node.disk.statement = Some("restored from a backup".into());
            node.disk.broken = Some("found broken".into());
        }
        assert_eq!(pair.settle(starter), DONE);
        let [first, second] = [0, 1].map(|at: usize| statement(pair.nodes[at].id()));
        assert_eq!(pair.bodies(), [opened(1), first, second, aborted(1)]);
        pair.assert_agree();
    }
}

#[test]
fn a_log_found_broken_is_not_settled_until_its_owner_states_something() {
    for broken in [SEQUENCER, FOLLOWER] {
        let mut pair = Pair::new();
        pair.nodes[broken].disk.broken = Some("found broken".into());
        for starter in [SEQUENCER, FOLLOWER] {
            let ends = pair.settle(starter);
            assert_eq!(ends[broken], End::Disagree("found broken".into()));
            // A sequencer that has nothing to add is done before it hears of it.
            let other = match broken {
                SEQUENCER => End::Told(Code::ReceiptsDisagree),
                _ => End::Done,
            };
            assert_eq!(ends[1 - broken], other);
        }
        pair.nodes[broken].disk.statement = Some("restored from a backup".into());
        assert_eq!(pair.settle(SEQUENCER), DONE);
        pair.assert_agree();
    }
}

#[test]
fn a_day_has_room_for_a_few_statements_of_each_member_and_the_rest_wait() {
    for stating in [SEQUENCER, FOLLOWER] {
        let mut pair = Pair::new();
        for _ in 0..STATEMENTS_PER_DAY_MAX {
            pair.nodes[stating].disk.statement = Some("restored".into());
            assert_eq!(pair.settle(SEQUENCER), DONE);
            pair.assert_agree();
        }
        pair.nodes[stating].disk.statement = Some("once more".into());
        for starter in [SEQUENCER, FOLLOWER] {
            assert_eq!(pair.settle(starter), DONE);
            let waits = pair.nodes[stating].disk.statement.as_deref();
            assert_eq!(waits, Some("once more"));
        }
        assert_eq!(pair.bodies().len() as u64, STATEMENTS_PER_DAY_MAX);
        for node in &mut pair.nodes {
            node.disk.before_today = node.disk.entries.len();
        }
        assert_eq!(pair.settle(SEQUENCER), DONE);
        pair.assert_agree();
        assert_eq!(pair.bodies().len() as u64, STATEMENTS_PER_DAY_MAX + 1);
    }
}

#[test]
fn what_neither_side_runs_and_is_not_on_the_log_is_not_awaited_any_more() {
    let mut pair = Pair::new();
    for nonce in 1..=3 {
        pair.agree(nonce);
    }
    let jobs = [1, 2, 3].map(|nonce| job(nonce).job_id());
    // The first runs on both sides, the second on the sequencer's, the third nowhere.
    pair.nodes[SEQUENCER].running = vec![jobs[0], jobs[1]];
    pair.nodes[FOLLOWER].running = vec![jobs[0]];
    assert_eq!(pair.settle(SEQUENCER), DONE);
    let awaited = &pair.nodes[FOLLOWER].disk.awaited;
    assert!(awaited.contains_key(&jobs[0]) && awaited.contains_key(&jobs[1]));
    assert!(!awaited.contains_key(&jobs[2]));
    // A job that was forgotten is not taken any more.
    let late = pair.nodes[SEQUENCER].next_entry(opened(3));
    pair.nodes[SEQUENCER].disk.hold(late, opened(3));
    let ends = pair.settle(SEQUENCER);
    assert_eq!(ends[FOLLOWER], End::Refused(Code::EntryMismatch));
    assert!(pair.nodes[FOLLOWER].disk.entries.is_empty());
}

#[test]
fn no_more_running_jobs_are_named_than_a_message_holds() {
    let mut pair = Pair::new();
    for node in &mut pair.nodes {
        node.running = (0..=LIVE_JOBS_MAX)
            .map(|n| JobId([u8::try_from(n).unwrap(); 64]))
            .collect();
    }
    assert_eq!(pair.settle(SEQUENCER), DONE);
    assert_eq!(pair.settle(FOLLOWER), DONE);
}

#[test]
fn a_completed_job_needs_no_settlement() {
    let mut pair = Pair::new();
    pair.open(1);
    pair.close(1);
    pair.assert_agree();
    assert_eq!(pair.bodies(), [opened(1), completed(1)]);
    assert!(pair.nodes[FOLLOWER].disk.awaited.is_empty());
}

#[test]
fn a_follower_takes_two_days_of_the_sequencers_statements_in_one_of_its_own_and_no_more() {
    let mut pair = Pair::new();
    let bound = 2 * STATEMENTS_PER_DAY_MAX;
    for number in 0..=bound {
        // By the sequencer's clock, each one comes on another day.
        let disk = &mut pair.nodes[SEQUENCER].disk;
        disk.before_today = disk.entries.len();
        disk.statement = Some("restored".into());
        let ends = pair.settle(SEQUENCER);
        if number < bound {
            assert_eq!(ends, DONE);
        } else {
            assert_eq!(ends[FOLLOWER], End::Refused(Code::EntryMismatch));
        }
    }
    assert_eq!(pair.nodes[FOLLOWER].disk.entries.len() as u64, bound);
}
