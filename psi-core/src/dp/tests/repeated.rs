//! Membership inference by repeated queries for the size of an intersection.
//!
//! Guo et al., "Birds of a Feather Flock Together" (USENIX Security 2022), baseline attack: ask for
//! the size of the intersection with the whole set of targets. Unless none or all of them match,
//! halve the set and go on with the halves. Without noise this finds every member. With noise and a
//! budget, the advantage over a target stays within what the whole budget allows, whatever is
//! asked. Without the budget, noise alone does not help.

use chacha20::ChaCha20Rng;
use rand_core::Rng as _;

use super::differ::{Advantage, advantage, allowed};
use super::{billionth, count_noise, epsilon, generator};
use crate::dp::{CountNoise, Delta};

/// People whose membership the attacker wants to know.
const TARGETS: usize = 32;

/// The people that the other side holds, and its answers.
struct Owner<'a> {
    members: &'a [bool],
    noise: Option<&'a CountNoise>,
    /// Millionths of epsilon that are left.
    budget: u64,
    rng: &'a mut ChaCha20Rng,
    answers: usize,
}

impl Owner<'_> {
    /// The size of the intersection, or nothing if the budget is used up.
    fn ask(&mut self, set: &[usize]) -> Option<i64> {
        let size = set.iter().filter(|target| self.members[**target]).count();
        let size = i64::try_from(size).unwrap();
        self.answers += 1;
        let Some(noise) = self.noise else {
            return Some(size);
        };
        self.budget = self.budget.checked_sub(noise.epsilon().micros())?;
        let z = noise.sample(self.rng).expose();
        Some(size + z.cast_signed() - noise.centre().cast_signed())
    }
}

/// The baseline attack: a guess for every target.
fn baseline_attack(owner: &mut Owner<'_>) -> Vec<bool> {
    let mut guesses = vec![false; TARGETS];
    let all: Vec<usize> = (0..TARGETS).collect();
    let Some(size) = owner.ask(&all) else {
        return guesses;
    };
    let mut open = vec![(all, size)];
    // Breadth first, so that a budget that ends soon is spread over all targets.
    while !open.is_empty() {
        for (set, size) in std::mem::take(&mut open) {
            let whole = i64::try_from(set.len()).unwrap();
            if size <= 0 || size >= whole || set.len() == 1 {
                for target in set {
                    guesses[target] = 2 * size > whole;
                }
                continue;
            }
            let (left, right) = set.split_at(set.len() / 2);
            if let Some(of_left) = owner.ask(left) {
                open.push((left.to_vec(), of_left));
                open.push((right.to_vec(), size - of_left));
            } else {
                for target in set {
                    guesses[target] = 2 * size > whole;
                }
            }
        }
    }
    guesses
}

/// The same question about one target, as often as it is answered and at most `times`; the mean
/// decides.
fn ask_again_and_again(owner: &mut Owner<'_>, target: usize, times: i64) -> bool {
    let (mut sum, mut answers) = (0, 0);
    while answers < times {
        let Some(size) = owner.ask(&[target]) else {
            break;
        };
        sum += size;
        answers += 1;
    }
    2 * sum > answers
}

/// The advantage over one target of `attack`, which gives a guess for it. Of the others, each is a
/// member with probability one half.
fn advantage_over_one(
    (trials, noise, budget): (usize, &CountNoise, u64),
    mut attack: impl FnMut(&mut Owner<'_>, usize) -> bool,
) -> Advantage {
    let mut rng = generator(40);
    advantage(trials, |present| {
        let bits = rng.next_u32();
        let mut members: Vec<bool> = (0..TARGETS).map(|i| bits >> i & 1 == 1).collect();
        let target = usize::try_from(rng.next_u32()).unwrap() % TARGETS;
        members[target] = present;
        let mut owner = Owner {
            members: &members,
            noise: Some(noise),
            budget,
            rng: &mut rng,
            answers: 0,
        };
        attack(&mut owner, target)
    })
}

#[test]
fn without_noise_the_attack_finds_every_member() {
    let mut rng = generator(41);
    for _ in 0..200 {
        let bits = rng.next_u32();
        let members: Vec<bool> = (0..TARGETS).map(|i| bits >> i & 1 == 1).collect();
        let mut owner = Owner {
            members: &members,
            noise: None,
            budget: 0,
            rng: &mut rng,
            answers: 0,
        };
        assert_eq!(baseline_attack(&mut owner), members);
        // Fewer than one query for each: the right half's size follows from the left one's.
        assert!(owner.answers <= TARGETS, "{}", owner.answers);
    }
}

#[test]
fn with_noise_the_attack_gains_no_more_than_the_budget_allows() {
    // A budget of 2 for queries of 0.5, of 0.25, and of 0.125 each.
    for each in [500_000, 250_000, 125_000] {
        let noise = count_noise(each);
        let budget = 2_000_000;
        let most = allowed(2.0, billionth().times(budget / each).as_f64());
        let found = advantage_over_one((8_000, &noise, budget), |owner, target| {
            baseline_attack(owner)[target]
        });
        assert!(found.low <= most, "{} > {most}", found.low);
        let found = advantage_over_one((8_000, &noise, budget), |owner, target| {
            ask_again_and_again(owner, target, 1000)
        });
        assert!(found.low <= most, "{} > {most}", found.low);
        // It does gain something: the attack works, and the budget ends it.
        assert!(found.low > 0.05, "{}", found.low);
    }
}

#[test]
fn one_question_for_the_whole_budget_gains_what_the_budget_allows() {
    let noise = count_noise(2_000_000);
    let most = allowed(2.0, noise.delta().as_f64());
    let found = advantage_over_one((20_000, &noise, 2_000_000), |owner, target| {
        ask_again_and_again(owner, target, 1000)
    });
    assert!(found.low <= most && most <= found.high, "{most}");
}

#[test]
fn with_noise_but_without_a_budget_asking_again_and_again_succeeds() {
    let noise = CountNoise::new(epsilon(250_000), 40).unwrap();
    let found = advantage_over_one((1000, &noise, u64::MAX), |owner, target| {
        ask_again_and_again(owner, target, 400)
    });
    assert!(
        found.low > allowed(2.0, Delta::ZERO.as_f64()),
        "{}",
        found.low
    );
}
