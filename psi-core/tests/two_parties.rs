//! Runs `examples/two_parties.rs`, so that what it teaches stays true.

#[path = "../examples/two_parties.rs"]
#[expect(dead_code, reason = "`main` prints what these tests check")]
mod two_parties;

use two_parties::count;

const PEOPLE: [&str; 4] = [
    "ann@example.org",
    "bob@example.org",
    "cleo@example.org",
    "dan@example.org",
];

#[test]
fn the_asker_learns_the_count_and_the_other_side_nothing() {
    let [requester, responder] = count(&PEOPLE[..3], &PEOPLE[1..]).unwrap();
    assert_eq!(requester.opened.unwrap().cells, [Some(2)]);
    assert!(responder.opened.is_none());
    assert_eq!(requester.transcripts, responder.transcripts);
    assert_eq!(requester.output_commitment, responder.output_commitment);
}

#[test]
fn a_count_below_the_minimum_is_suppressed() {
    let [requester, _] = count(&PEOPLE[..2], &PEOPLE[1..]).unwrap();
    assert_eq!(requester.opened.unwrap().cells, [None]);
}
