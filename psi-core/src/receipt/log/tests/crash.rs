//! Either member ends before any of its actions, in any exchange, and once more while both recover:
//! the next settlement makes both logs the same, and loses nothing.

use super::bodies::{aborted, completed, job, opened};
use super::*;

/// What both do, and the logs that may result.
struct Scenario {
    before: Pair,
    act: fn(&mut Pair, Option<Crash>) -> Outcome,
    outcomes: Vec<Vec<Body>>,
}

fn opening() -> Scenario {
    let mut before = Pair::new();
    before.agree(1);
    Scenario {
        before,
        act: |pair, crash| pair.append(&opened(1), crash),
        outcomes: vec![vec![], vec![opened(1), aborted(1)]],
    }
}

fn closing() -> Scenario {
    let mut before = Pair::new();
    before.open(1);
    before.nodes[FOLLOWER].await_closing(&job(1).job_id());
    Scenario {
        before,
        act: |pair, crash| pair.append(&completed(1), crash),
        outcomes: vec![vec![opened(1), aborted(1)], vec![opened(1), completed(1)]],
    }
}

fn refusing() -> Scenario {
    let mut before = Pair::new();
    let body = before.question();
    Scenario {
        before,
        act: |pair, crash| {
            let body = pair.nodes[FOLLOWER].disk.refusals[0].clone();
            pair.append(&body, crash)
        },
        outcomes: vec![vec![], vec![body]],
    }
}

/// A settlement that closes two jobs, of which the last opening lacks a signature.
fn settling() -> Scenario {
    let mut before = Pair::new();
    before.open(1);
    before.agree(2);
    let crash = Crash {
        member: SEQUENCER,
        before: 2,
        lost: false,
    };
    let (ends, _) = before.append(&opened(2), Some(crash));
    assert_eq!(ends, [End::Dead, End::Done]);
    before.restart();
    Scenario {
        before,
        act: |pair, crash| pair.settle_with(FOLLOWER, crash),
        outcomes: vec![vec![opened(1), opened(2), aborted(1), aborted(2)]],
    }
}

/// All crashes of both members in an exchange that takes this many actions.
fn crashes(actions: [usize; 2]) -> impl Iterator<Item = Crash> {
    [SEQUENCER, FOLLOWER].into_iter().flat_map(move |member| {
        (0..actions[member]).flat_map(move |before| {
            [false, true].map(|lost| Crash {
                member,
                before,
                lost,
            })
        })
    })
}

/// Everything that a member had on its disk is still there, in its place.
#[track_caller]
fn assert_kept(before: &Pair, after: &Pair) {
    for (before, after) in before.nodes.iter().zip(&after.nodes) {
        for (entry, kept) in before.disk.entries.iter().zip(&after.disk.entries) {
            assert_eq!(entry.entry, kept.entry);
        }
        assert!(after.disk.entries.len() >= before.disk.entries.len());
    }
}

/// Settles until nothing crashes, from every point at which the first settlement may.
fn recover(scenario: &Scenario, crashed: &Pair, first: Crash) -> usize {
    let mut cases = 0;
    for starter in [SEQUENCER, FOLLOWER] {
        let mut settled = crashed.clone();
        let (ends, actions) = settled.settle_with(starter, None);
        assert_eq!(ends, [End::Done, End::Done], "after {first:?}");
        for second in crashes(actions) {
            let mut pair = crashed.clone();
            pair.settle_with(starter, Some(second));
            pair.restart();
            let kept = pair.clone();
            let ends = pair.settle(1 - starter);
            assert_eq!(ends, [End::Done, End::Done], "{first:?}, {second:?}");
            pair.assert_agree();
            assert_kept(&kept, &pair);
            assert!(scenario.outcomes.contains(&pair.bodies()));
            cases += 1;
        }
        settled.assert_agree();
        assert_kept(crashed, &settled);
        let bodies = settled.bodies();
        assert!(scenario.outcomes.contains(&bodies), "{first:?}: {bodies:?}");
    }
    cases
}

fn every_crash(scenario: &Scenario) {
    let (ends, actions) = (scenario.act)(&mut scenario.before.clone(), None);
    assert_eq!(ends, [End::Done, End::Done]);
    let mut cases = 0;
    for crash in crashes(actions) {
        let mut crashed = scenario.before.clone();
        let (ends, _) = (scenario.act)(&mut crashed, Some(crash));
        assert_eq!(ends[crash.member], End::Dead);
        crashed.restart();
        cases += recover(scenario, &crashed, crash);
    }
    assert!(cases > 50, "{cases} cases");
}

#[test]
fn a_crash_while_a_job_is_opened_leaves_no_open_job_and_no_difference() {
    every_crash(&opening());
}

#[test]
fn a_crash_while_a_job_is_closed_leaves_one_end_of_it() {
    every_crash(&closing());
}

#[test]
fn a_crash_while_a_refusal_is_recorded_leaves_it_once_or_not_at_all() {
    every_crash(&refusing());
}

#[test]
fn a_crash_in_a_settlement_is_repaired_by_the_next() {
    every_crash(&settling());
}

#[test]
fn nothing_follows_an_entry_that_lacks_a_signature() {
    let mut pair = Pair::new();
    pair.agree(1);
    let crash = Crash {
        member: FOLLOWER,
        before: 0,
        lost: false,
    };
    let (ends, _) = pair.append(&opened(1), Some(crash));
    assert_eq!(ends, [End::Cut, End::Dead]);
    let body = pair.question();
    let (ends, _) = pair.append(&body, None);
    assert_eq!(ends, [End::Unfinished, End::Told(Code::Unavailable)]);
    assert_eq!(pair.nodes[SEQUENCER].disk.entries.len(), 1);
    pair.restart();
    assert_eq!(pair.settle(SEQUENCER), [End::Done, End::Done]);
    pair.assert_agree();
    assert_eq!(pair.append(&body, None).0, [End::Done, End::Done]);
}
