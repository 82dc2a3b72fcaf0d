//! Payload that one identity cannot have by its owner's facts: frozen with everything else in
//! order, and found by the bounds of one identity alone.

use std::ops::Range;

use psi_core::spec::Party;

use super::cheating::{assert_found, assert_only};
use super::pair::{Case, Job, World};
use super::terms::{BOUND, GROUPS, LOW, ROWS};
use crate::replay::{Report, Verdict};

const PEOPLE: Range<u32> = 20..70;
const ONE: u32 = 33;
const BOUNDS: &str = "the frozen input keeps its bounds";

/// The replay of a Sender that froze `numbers` for one person and `others` for everybody else, and
/// did all the rest as it should.
fn replayed(world: &World, numbers: &[i64], others: &[i64]) -> Report {
    let frozen = World::payload_of(PEOPLE, |person| {
        let numbers = if person == ONE { numbers } else { others };
        numbers.to_vec()
    });
    let ran = world.run(Case {
        frozen: [None, Some(frozen)],
        ..Case::default()
    });
    world.replay(&ran, Party::Responder)
}

/// Identities, rows, rows that are not NULL and the sum, in three groups.
const OF_REPEATED: [i64; 12] = [1, 1, 1, 9, 0, 0, 0, 0, 1, 1, 0, 0];
/// Identities, rows that are not NULL and the sum, in three groups.
const OF_UNIQUE: [i64; 9] = [0, 0, 0, 1, 1, -5, 0, 0, 0];

fn high() -> i64 {
    i64::try_from(BOUND).unwrap()
}

#[test]
fn what_one_identity_may_have_at_most_passes_in_both_modes() {
    let (high, rows) = (high(), i64::try_from(ROWS).unwrap());
    assert_eq!(GROUPS, 2);
    let full = [1, rows - 1, 1, high, 0, 0, 0, 0, 1, 1, 1, LOW];
    let unique = [0, 0, 0, 0, 0, 0, 1, 1, LOW];
    for (world, unique_world) in [
        (World::new(Job::Groups), World::new(Job::UniqueGroups)),
        (
            World::private(Job::Groups),
            World::private(Job::UniqueGroups),
        ),
    ] {
        let report = replayed(&world, &full, &OF_REPEATED);
        assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
        let report = replayed(&unique_world, &unique, &OF_UNIQUE);
        assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
    }
    // Nothing but the three groups bounds these in exact mode.
    let everywhere = [1, 1, 1, high, 1, 1, 1, high, 1, 1, 1, LOW];
    let report = replayed(&World::new(Job::Groups), &everywhere, &OF_REPEATED);
    assert_eq!(report.verdict, Verdict::Verified, "{report:?}");
}

#[test]
fn what_no_identity_can_have_is_found_in_the_input() {
    let (high, rows) = (high(), i64::try_from(ROWS).unwrap());
    let cases: [(&str, [i64; 12]); 10] = [
        // Each number keeps its bound; over both groups they do not.
        (
            "component 1 of all blocks",
            [1, rows, 1, 9, 1, 1, 1, 9, 0, 0, 0, 0],
        ),
        (
            "component 1 of a position is below zero",
            [1, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "component 6 of a position is below zero",
            [0, 0, 0, 0, 1, 1, -1, 9, 0, 0, 0, 0],
        ),
        (
            "component 0 of a position is beyond its bound",
            [2, 2, 1, 9, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "component 2 of a position counts more rows",
            [1, 1, 2, 9, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "component 5 of a position counts rows where",
            [1, 1, 1, 9, 0, 1, 1, 9, 0, 0, 0, 0],
        ),
        (
            "component 3 of a position sums up rows",
            [1, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "component 7 of a position sums up rows",
            [1, 1, 1, 9, 0, 0, 0, high, 0, 0, 0, 0],
        ),
        // As an amount this keeps the bound.
        (
            "component 3 of a position is not within its clamp",
            [1, 1, 1, LOW - 1, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
        (
            "component 3 of a position is beyond its bound",
            [1, 1, 1, high + 1, 0, 0, 0, 0, 0, 0, 0, 0],
        ),
    ];
    let world = World::private(Job::Groups);
    for (place, numbers) in cases {
        let report = replayed(&world, &numbers, &OF_REPEATED);
        assert_found(&report, BOUNDS, place);
        assert_only(&report, &[BOUNDS]);
    }
}

#[test]
fn an_identity_in_more_groups_than_declared_is_found_with_differential_privacy() {
    let everywhere = [1, 1, 1, 9, 1, 1, 1, 9, 1, 1, 1, 9];
    let report = replayed(&World::private(Job::Groups), &everywhere, &OF_REPEATED);
    assert_found(&report, BOUNDS, "in more groups than its owner declares");
    assert_only(&report, &[BOUNDS]);
}

#[test]
fn a_unique_key_in_two_groups_is_found_in_both_modes() {
    let twice = [1, 1, 9, 1, 1, 9, 0, 0, 0];
    // The other group holds a sum, and says that nobody is there.
    let hidden = [1, 1, 9, 0, 0, 9, 0, 0, 0];
    for world in [
        World::new(Job::UniqueGroups),
        World::private(Job::UniqueGroups),
    ] {
        let report = replayed(&world, &twice, &OF_UNIQUE);
        assert_found(&report, BOUNDS, "in more groups than its owner declares");
        assert_only(&report, &[BOUNDS]);
        let report = replayed(&world, &hidden, &OF_UNIQUE);
        assert_found(&report, BOUNDS, "component 5 of a position sums up rows");
        assert_only(&report, &[BOUNDS]);
    }
}
