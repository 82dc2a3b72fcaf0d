//! Membership inference by repeated questions for the size of an intersection, each of them a whole
//! session (Guo et al., USENIX Security 2022, baseline attack; the samplers' own tests say how it
//! goes).
//! The owner keeps an account: it charges what its specification says, and refuses a session that
//! the budget does not cover.

use rand_core::{Rng as _, SeedableRng as _};

use super::{DELTA, Guesses, Party, Questions, REGISTERED, Table, allowed};

/// Candidates whose membership the attacker wants to know: as many as the lists have places.
const CANDIDATES: u32 = REGISTERED;

/// The owner's account, in millionths of epsilon.
const BUDGET: u64 = 2_000_000;

/// The people that the owner holds, and the rest of its budget.
struct Owner<'a> {
    questions: &'a mut Questions,
    table: Table,
    budget: u64,
    answers: usize,
}

impl<'a> Owner<'a> {
    fn new(questions: &'a mut Questions, members: u32, budget: u64) -> Self {
        let table = questions.holding(|person| members >> person & 1 == 1);
        Self {
            questions,
            table,
            budget,
            answers: 0,
        }
    }

    /// The size of the intersection as the analyst's node sees it, or nothing if the budget does
    /// not cover another session.
    fn ask(&mut self, set: &[u32]) -> Option<i64> {
        let debit = self.questions.spec.debit(Party::Responder);
        let charged = debit.map_or(0, |debit| debit.micro_epsilon);
        self.budget = self.budget.checked_sub(charged)?;
        self.answers += 1;
        let asked = self.questions.holding(|person| set.contains(&person));
        let seeds = self.questions.seeds();
        Some(self.questions.seen(seeds, &asked, &self.table))
    }
}

/// The baseline attack: halve the set as long as neither none nor all of it match. A guess for
/// every candidate, bit by bit.
fn baseline_attack(owner: &mut Owner<'_>) -> u32 {
    let all: Vec<u32> = (0..CANDIDATES).collect();
    let (mut guesses, mut open) = (0, Vec::new());
    open.extend(owner.ask(&all).map(|size| (all, size)));
    // Breadth first, so that a budget that ends soon is spread over all candidates.
    while !open.is_empty() {
        for (set, size) in std::mem::take(&mut open) {
            let whole = i64::try_from(set.len()).unwrap();
            let is_settled = size <= 0 || size >= whole || set.len() == 1;
            let (left, right) = set.split_at(set.len() / 2);
            let of_left = if is_settled { None } else { owner.ask(left) };
            if let Some(of_left) = of_left {
                open.push((left.to_vec(), of_left));
                open.push((right.to_vec(), size - of_left));
            } else if 2 * size > whole {
                guesses |= set.iter().fold(0, |bits, person| bits | 1 << person);
            }
        }
    }
    guesses
}

/// The same question about one candidate, as often as it is answered and at most `times`; the mean
/// decides.
fn ask_again_and_again(owner: &mut Owner<'_>, candidate: u32, times: usize) -> bool {
    let mut sum = 0;
    while owner.answers < times {
        let Some(size) = owner.ask(&[candidate]) else {
            break;
        };
        sum += size;
    }
    2 * sum > i64::try_from(owner.answers).unwrap()
}

/// What `attack` guesses about one candidate. Of the others, each is a member with probability one
/// half.
fn guesses_about_one(
    questions: &mut Questions,
    (trials, budget): (usize, u64),
    mut attack: impl FnMut(&mut Owner<'_>, u32) -> bool,
) -> Guesses {
    let mut rng = chacha20::ChaCha20Rng::seed_from_u64(50);
    Guesses::count(trials, |present| {
        let candidate = rng.next_u32() % CANDIDATES;
        let others = rng.next_u32() & !(1 << candidate);
        let members = others | u32::from(present) << candidate;
        attack(&mut Owner::new(questions, members, budget), candidate)
    })
}

/// Attacks upon sessions that cost `each`, within the budget: what they gain is bounded by the
/// whole budget, whatever is asked.
fn attack_within_budget(each: u64, trials: usize) -> [Guesses; 2] {
    let most = allowed(2.0, DELTA.times(BUDGET / each).as_f64());
    let mut questions = Questions::noisy(each);
    let halving = guesses_about_one(&mut questions, (trials, BUDGET), |owner, candidate| {
        let guesses = baseline_attack(owner);
        assert!(owner.answers as u64 <= BUDGET / each);
        guesses >> candidate & 1 == 1
    });
    let again = guesses_about_one(&mut questions, (trials, BUDGET), |owner, candidate| {
        ask_again_and_again(owner, candidate, 100)
    });
    halving.show("halving");
    again.show("again and again");
    for found in [&halving, &again] {
        assert!(found.advantage() <= most, "{} > {most}", found.advantage());
    }
    [halving, again]
}

#[test]
fn in_exact_mode_halving_finds_every_member() {
    let mut questions = Questions::exact();
    for members in [0x0000, 0xffff, 0xbeef, 0x0140, 0x8001] {
        let mut owner = Owner::new(&mut questions, members, 0);
        assert_eq!(baseline_attack(&mut owner), members);
        assert!(owner.answers <= CANDIDATES as usize);
    }
    // About one candidate, one question is enough.
    let found = guesses_about_one(&mut questions, (30, 0), |owner, candidate| {
        ask_again_and_again(owner, candidate, 1)
    });
    assert_eq!((found.right, found.wrong), (30, 0));
}

#[test]
fn with_noise_a_budget_bounds_what_repeated_questions_gain() {
    let [_, again] = attack_within_budget(1_000_000, 75);
    // It does gain something: the attack works, and the budget ends it.
    assert!(again.advantage() > 0.0);
}

#[test]
#[ignore = "twenty thousand sessions take minutes; run after a change to noise or sessions"]
fn many_repeated_questions_gain_what_the_budget_allows_and_without_one_more() {
    for each in [1_000_000, 500_000] {
        let [_, again] = attack_within_budget(each, 500);
        assert!(again.advantage() > 0.1, "{}", again.advantage());
    }
    let mut questions = Questions::noisy(1_000_000);
    let found = guesses_about_one(&mut questions, (120, u64::MAX), |owner, candidate| {
        ask_again_and_again(owner, candidate, 41)
    });
    found.show("without a budget");
    let most = allowed(2.0, DELTA.as_f64());
    assert!(found.advantage() > most, "{}", found.advantage());
}
