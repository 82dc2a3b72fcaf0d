//! Two queries that differ in one person, and what an attacker makes of their answers.
//!
//! The attacker asks for the count of a set with the person in it and for that of the same set
//! without, and guesses from the two answers whether the person is in the other side's list. Its
//! *advantage* is how much more often it says yes where that is true than where it is not. Under
//! epsilon and delta it is at most (e^epsilon - 1 + 2 delta) / (e^epsilon + 1). That follows from
//! applying the definition to the event "yes" and to "no" and adding both.

use chacha20::ChaCha20Rng;

use super::statistics::{lower_bound, upper_bound};
use super::{billionth, count_noise, generator};

/// Trials of each world.
const TRIALS: usize = 40_000;

/// Each of an advantage's two bounds fails with twice this probability.
const ALPHA: f64 = 2.5e-4;

/// Bounds of an advantage.
pub(super) struct Advantage {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The most that epsilon and delta allow.
pub(crate) fn allowed(epsilon: f64, delta: f64) -> f64 {
    (epsilon.exp() - 1.0 + 2.0 * delta) / (epsilon.exp() + 1.0)
}

/// The advantage of `guess`, which is told whether the person is there only in order to answer
/// queries, over `trials` of each world.
pub(super) fn advantage(trials: usize, mut guess: impl FnMut(bool) -> bool) -> Advantage {
    let mut said_yes = |present| (0..trials).filter(|_| guess(present)).count();
    let (right, wrong) = (said_yes(true), said_yes(false));
    Advantage {
        low: lower_bound(right, trials, ALPHA) - upper_bound(wrong, trials, ALPHA),
        high: upper_bound(right, trials, ALPHA) - lower_bound(wrong, trials, ALPHA),
    }
}

/// The matches of the set without the person.
const OTHERS: u64 = 4321;

/// An attacker that knows nothing but the two answers.
fn from_two_answers(
    mut count: impl FnMut(u64, &mut ChaCha20Rng) -> u64,
) -> impl FnMut(bool) -> bool {
    let mut rng = generator(30);
    move |present| {
        let all = count(OTHERS + u64::from(present), &mut rng);
        let without = count(OTHERS, &mut rng);
        all > without
    }
}

/// An attacker that knows everybody else, and needs only one answer.
fn from_one_answer(
    mut count: impl FnMut(u64, &mut ChaCha20Rng) -> u64,
) -> impl FnMut(bool) -> bool {
    let mut rng = generator(31);
    move |present| count(OTHERS + u64::from(present), &mut rng) > OTHERS
}

/// Counts with noise of `micros` millionths, less its centre.
fn noisy(micros: u64) -> impl FnMut(u64, &mut ChaCha20Rng) -> u64 {
    let noise = count_noise(micros);
    move |count, rng| count + noise.sample(rng).expose() - noise.centre()
}

#[test]
fn without_noise_two_answers_tell_whether_the_person_is_there() {
    let exact = |count: u64, _: &mut ChaCha20Rng| count;
    for found in [
        advantage(TRIALS, from_two_answers(exact)),
        advantage(TRIALS, from_one_answer(exact)),
    ] {
        assert!(found.low > 0.999);
        assert!(found.low > allowed(1.0, 1e-9), "the bound can be broken");
    }
}

#[test]
fn with_noise_the_advantage_is_what_epsilon_allows() {
    for (micros, epsilon) in [(1_000_000, 1.0), (500_000, 0.5), (100_000, 0.1)] {
        let most = allowed(epsilon, billionth().as_f64());
        let found = advantage(TRIALS, from_two_answers(noisy(micros)));
        assert!(found.low <= most, "{} > {most}", found.low);
        // An attacker that knows everybody else reaches the bound, so the bound can be reached.
        let found = advantage(TRIALS, from_one_answer(noisy(micros)));
        assert!(found.low <= most && most <= found.high, "{most}");
    }
}

#[test]
fn with_half_the_noise_the_advantage_is_seen_to_be_more() {
    let found = advantage(TRIALS, from_one_answer(noisy(2_000_000)));
    assert!(found.low > allowed(1.0, billionth().as_f64()));
}
