//! Every older copy of either member's state: it is found out and changes nothing on the other
//! side, and its owner's statement brings back what was lost.

use super::bodies::statement;
use super::*;

/// A log with jobs that completed, that broke off, that one side lost, and a refusal.
fn history() -> Pair {
    let mut pair = Pair::new();
    pair.open(1);
    pair.close(1);
    pair.refuse();
    pair.open(2);
    pair.restart();
    assert_eq!(pair.settle(FOLLOWER), [End::Done, End::Done]);
    pair.assert_agree();
    pair
}

/// All older copies of a member's disk.
fn copies(pair: &Pair, member: usize) -> Vec<Disk> {
    pair.nodes[member].history.clone()
}

const STATEMENT: &str = "restored from a backup";

#[test]
fn a_member_restored_from_any_older_copy_is_found_out_and_nobody_else_is_blamed() {
    let now = history();
    for member in [SEQUENCER, FOLLOWER] {
        let mut found = 0;
        for copy in copies(&now, member) {
            for starter in [SEQUENCER, FOLLOWER] {
                let mut pair = now.clone();
                pair.nodes[member].disk = copy.clone();
                let lost = copy.entries.len() < now.bodies().len();
                let ends = pair.settle(starter);
                if !lost {
                    assert_eq!(ends, [End::Done, End::Done]);
                    pair.assert_agree();
                    continue;
                }
                found += 1;
                let whose =
                    |end: &End| matches!(end, End::Disagree(why) if why.contains("restored"));
                assert!(ends.iter().all(whose), "{ends:?}");
                let disk = &pair.nodes[member].disk;
                assert_eq!(disk.broken.as_deref(), disk.doubt);
                assert!(disk.doubt.is_some());
                assert_eq!(disk.entries, copy.entries, "nothing is taken");
                assert_eq!(pair.nodes[1 - member].disk, now.nodes[1 - member].disk);
                // It stays so.
                assert_eq!(pair.settle(1 - starter), ends);
            }
        }
        assert!(found > 8, "{found} copies");
    }
}

/// Restores a member, has it found out, and lets its owner state what happened.
fn restored(now: &Pair, member: usize, copy: &Disk) -> Pair {
    let mut pair = now.clone();
    pair.nodes[member].disk = copy.clone();
    pair.settle(SEQUENCER);
    pair.nodes[member].disk.statement = Some(STATEMENT.into());
    pair
}

#[test]
fn a_statement_brings_back_what_was_lost_with_its_charges() {
    let now = history();
    for member in [SEQUENCER, FOLLOWER] {
        let copies = copies(&now, member).into_iter();
        for copy in copies.filter(Disk::is_complete) {
            for starter in [SEQUENCER, FOLLOWER] {
                let mut pair = restored(&now, member, &copy);
                assert_eq!(pair.settle(starter), [End::Done, End::Done]);
                pair.assert_agree();
                let mut expected = now.bodies();
                expected.push(statement(pair.nodes[member].id()));
                assert_eq!(pair.bodies(), expected);
            }
        }
    }
}

/// A limit of the protocol: entries are brought from the first lacking one on, and the signature on the
/// one before is not among them. The other member's log has it.
#[test]
fn a_copy_from_between_an_entry_and_its_countersignature_comes_back_without_that_signature() {
    let now = history();
    let of_sequencer = copies(&now, SEQUENCER).into_iter();
    let lost = |copy: &Disk| copy.entries.len() < now.bodies().len();
    let half: Vec<_> = of_sequencer
        .filter(|copy| !copy.is_complete() && lost(copy))
        .collect();
    assert!(!half.is_empty());
    for copy in half {
        let mut pair = restored(&now, SEQUENCER, &copy);
        assert_eq!(pair.settle(SEQUENCER), [End::Done, End::Done]);
        let at = copy.entries.len() - 1;
        let [sequencer, follower] = &pair.nodes;
        for (n, (own, theirs)) in sequencer
            .disk
            .entries
            .iter()
            .zip(&follower.disk.entries)
            .enumerate()
        {
            assert_eq!(own.entry, theirs.entry);
            assert!(theirs.is_complete());
            assert_eq!(own.is_complete(), n != at, "entry {n}");
        }
    }
}

#[test]
fn a_crash_while_a_log_is_repaired_loses_nothing() {
    let now = history();
    let mut cases = 0;
    for member in [SEQUENCER, FOLLOWER] {
        let empty = Disk::default();
        let before = restored(&now, member, &empty);
        let (_, actions) = before.clone().settle_with(SEQUENCER, None);
        for crashing in [SEQUENCER, FOLLOWER] {
            for action in 0..actions[crashing] {
                let crash = Crash {
                    member: crashing,
                    before: action,
                    lost: action % 2 == 0,
                };
                let mut pair = before.clone();
                pair.settle_with(SEQUENCER, Some(crash));
                let ends = pair.settle(FOLLOWER);
                assert_eq!(ends, [End::Done, End::Done], "{member} {crash:?}");
                pair.assert_agree();
                assert!(pair.bodies().starts_with(&now.bodies()));
                cases += 1;
            }
        }
    }
    assert!(cases > 40, "{cases} cases");
}
