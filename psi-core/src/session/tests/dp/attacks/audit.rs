//! Neighbouring data through whole sessions: how much epsilon the answers show.
//!
//! The attacker knows everybody except one person, and says that the person is there if the count
//! is above that of the others. For the noise of dummies, no event of the same epsilon reveals
//! more: its two probabilities differ by the factor e^epsilon exactly (the README of the samplers,
//! §2). So the bound of Clopper and Pearson on their ratio comes near the claim with few sessions,
//! and the event need not be picked by looking at the data.

use super::{
    DELTA, Guesses, JobSeed, OTHERS, Purpose, Questions, Recipients, allowed, spec_in, table,
};
use crate::spec::AskedMode;

/// The minimum of a part that has exactly so many identities with the person.
const MINIMUM: u64 = OTHERS as u64 + 1;

/// By what the Receiver's node sees.
fn by_what_is_seen(questions: &mut Questions, trials: usize) -> Guesses {
    let all = questions.asking(true);
    Guesses::count(trials, |present| {
        let (owner, seeds) = (questions.owner(present), questions.seeds());
        questions.seen(seeds, &all, &owner) > i64::from(OTHERS)
    })
}

/// By whether a part is released that has exactly the minimum with the person, and one identity
/// less without.
fn by_what_is_released(questions: &mut Questions, trials: usize) -> Guesses {
    let all = questions.asking(true);
    Guesses::count(trials, |present| {
        let (owner, seeds) = (questions.owner(present), questions.seeds());
        questions.released(seeds, &all, &owner).is_some()
    })
}

/// No more than the claim is shown, even by attackers that reach it.
fn assert_private(found: &Guesses, epsilon: f64) {
    let most = allowed(epsilon, DELTA.as_f64());
    assert!(found.epsilon() <= epsilon, "{}", found.epsilon());
    assert!(found.advantage() <= most && most <= found.advantage_at_most());
}

#[test]
fn what_the_receivers_node_sees_shows_no_more_than_epsilon_and_reaches_it() {
    let found = by_what_is_seen(&mut Questions::noisy(1_000_000), 250);
    found.show("epsilon 1, seen");
    assert_private(&found, 1.0);
    assert!(found.epsilon() > 0.3, "{}", found.epsilon());
}

#[test]
fn the_audit_finds_sessions_with_noise_of_half_the_scale() {
    let found = by_what_is_seen(&mut Questions::noisy(1_000_000).at_half_scale(), 250);
    found.show("epsilon 1 claimed, half the scale");
    assert!(found.epsilon() > 1.0, "{}", found.epsilon());
    assert!(found.advantage() > allowed(1.0, DELTA.as_f64()));
}

#[test]
fn a_part_of_exactly_the_minimum_is_told_from_its_neighbour_no_better_than_epsilon_allows() {
    let found = by_what_is_released(&mut Questions::noisy_with(1_000_000, MINIMUM), 250);
    found.show("epsilon 1, a part of the minimum");
    assert_private(&found, 1.0);
    // In exact mode the minimum itself reveals it.
    let found = by_what_is_released(&mut Questions::new(AskedMode::Exact, MINIMUM), 40);
    found.show("exact, a part of the minimum");
    assert_eq!((found.right, found.wrong), (40, 0));
}

#[test]
#[ignore = "ten thousand sessions take minutes; run after a change to noise or sessions"]
fn many_sessions_show_nearly_the_epsilon_they_claim_and_no_more() {
    for (micros, epsilon) in [(1_000_000, 1.0), (500_000, 0.5)] {
        let found = by_what_is_seen(&mut Questions::noisy(micros), 2500);
        found.show("seen");
        assert_private(&found, epsilon);
        assert!(found.epsilon() > 0.6 * epsilon, "{}", found.epsilon());
    }
}

/// Guesses by the difference of the counts of two parts, whose others are equally many; `seeds` may
/// choose from those of all sessions.
fn by_difference_of_parts(
    trials: usize,
    usable: impl Fn(&Questions, [[u8; 32]; 2]) -> bool,
) -> Guesses {
    let mut questions = Questions::noisy(1_000_000);
    // Of 22 people every other one is in the second part; number 20 is the person.
    let mut asked = table(0..22, 2, 0);
    questions.registered = table(0..22, 0, 0);
    let mode = questions.spec.mode.asked();
    let registered = &questions.registered;
    questions.spec = spec_in(mode, &asked, registered, Recipients::Requester).unwrap();
    asked.rows.retain(|person, _| *person <= 20);
    Guesses::count(trials, |present| {
        let seeds = loop {
            let seeds = questions.seeds();
            if usable(&questions, seeds) {
                break seeds;
            }
        };
        let owner = questions.holding(|person| person < 20 || (present && person == 20));
        let cells = questions.cells(seeds, &asked, &owner);
        assert_eq!(cells.len(), 2);
        cells[0] > cells[1]
    })
}

#[test]
fn the_audit_finds_sessions_whose_parts_share_one_z() {
    let most = allowed(1.0, DELTA.as_f64());
    let found = by_difference_of_parts(40, |_, _| true);
    found.show("two parts");
    assert!(found.advantage() <= most, "{}", found.advantage());
    // A Sender with one z for all parts, by sessions whose two draws happen to be equal.
    let found = by_difference_of_parts(40, |questions, [_, owner]| {
        let noise = questions.spec.dp().unwrap().count_noise().unwrap();
        let seed = JobSeed::new(owner);
        let z = |part| {
            let mut stream = seed.stream(Purpose::DummyCount, 0, part);
            noise.sample(&mut stream).expose()
        };
        z(0) == z(1)
    });
    found.show("two parts with one z");
    assert!(found.advantage() > most, "{}", found.advantage());
}
