//! Two logs that contradict each other stay that way: no statement joins them.

use super::bodies::statement;
use super::*;

/// Both hold two entries; `member` holds another second one, which both signed.
fn forked(member: usize) -> Pair {
    let mut pair = Pair::new();
    pair.open(1);
    pair.restart();
    let mut other = pair.clone();
    assert_eq!(pair.settle(SEQUENCER), [End::Done, End::Done]);
    other.nodes[SEQUENCER].disk.statement = Some("another".into());
    let wanted = statement(other.nodes[SEQUENCER].id());
    let (ends, _) = other.append(&wanted, None);
    assert_eq!(ends, [End::Done, End::Done]);
    other.nodes[member].disk.statement = None;
    pair.nodes[member] = other.nodes[member].clone();
    pair
}

#[test]
fn equal_numbers_with_different_heads_break_both_logs_and_leave_the_ledger_alone() {
    for member in [SEQUENCER, FOLLOWER] {
        for starter in [SEQUENCER, FOLLOWER] {
            let mut pair = forked(member);
            let before = pair.clone();
            let ends = pair.settle(starter);
            for (end, node) in ends.iter().zip(&pair.nodes) {
                assert!(
                    matches!(end, End::Disagree(why) if why.contains("different entries")),
                    "{ends:?}"
                );
                assert!(node.disk.broken.is_some());
                assert_eq!(node.disk.doubt, None, "a claim proves no loss");
            }
            for (node, before) in pair.nodes.iter().zip(&before.nodes) {
                assert_eq!(node.disk.entries, before.disk.entries);
            }
        }
    }
}

#[test]
fn a_statement_does_not_join_two_logs_that_forked() {
    for member in [SEQUENCER, FOLLOWER] {
        let mut pair = forked(member);
        pair.settle(SEQUENCER);
        pair.nodes[member].disk.statement = Some("restored from a backup".into());
        for starter in [SEQUENCER, FOLLOWER] {
            let ends = pair.settle(starter);
            assert!(matches!(ends[member], End::Disagree(_)), "{ends:?}");
            assert!(pair.nodes[member].disk.broken.is_some());
        }
    }
}

#[test]
fn a_lost_entry_that_continues_another_one_is_a_fork_and_puts_the_ledger_in_doubt() {
    for member in [SEQUENCER, FOLLOWER] {
        // The other member goes on.
        let mut pair = forked(member);
        let mut ahead = pair.clone();
        let other = ahead.nodes[1 - member].clone();
        ahead.nodes[member].disk = other.disk.clone();
        ahead.open(2);
        pair.nodes[1 - member] = ahead.nodes[1 - member].clone();
        pair.restart();
        pair.nodes[member].disk.statement = Some("restored from a backup".into());
        let held = pair.nodes[member].disk.entries.clone();
        let ends = pair.settle(SEQUENCER);
        assert!(
            matches!(&ends[member], End::Disagree(why) if why.contains("different entries")),
            "{ends:?}"
        );
        let disk = &pair.nodes[member].disk;
        assert!(disk.doubt.is_some() && disk.broken.is_some());
        assert_eq!(disk.entries, held);
    }
}
