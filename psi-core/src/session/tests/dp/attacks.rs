//! Attackers that know only what whole sessions give them: the counts that are released, and the
//! counts that the Receiver's node sees.
//!
//! An analyst, Receiver and only recipient, asks how many of its own people the other side, the
//! *owner*, holds. Both sides run the machines of a job, over lists that are as short as they can
//! be. Every session has seeds of its own, made from a number, so a test that passes once passes
//! always. With other seeds, an assertion that correct sessions keep their bounds would fail once
//! in a thousand at most.

mod audit;
mod repeated;

use super::hostile::{Sides, counted};
use super::{AskedMode, Delta, Epsilon, JobSeed, JobSpec, Loss, Party, Purpose, Recipients};
use super::{Pair, Table, lists, spec_in, table, tools};
use crate::dp::tests::differ::allowed;
use crate::dp::tests::statistics::{lower_bound, upper_bound};
use crate::kernel::available;
use crate::session::Tools;
use crate::spec::Mode;

/// People that both sides have places for.
const REGISTERED: u32 = 16;

/// People 0 to 9 are the others, whom the attacker knows to be in the owner's list; number 10 is
/// the person that the questions are about.
const OTHERS: u32 = 10;
const PERSON: u32 = OTHERS;

/// Each bound of an interval fails with this probability.
const ALPHA: f64 = 2.5e-4;

/// The delta of a session: 2^-14, so that few dummies do. It is far below what any test can see.
const DELTA: Delta = Delta(1 << 50);

/// Questions of one mode, which the owner answers.
struct Questions {
    spec: JobSpec,
    tools: Tools,
    registered: Table,
    /// Sessions so far, from which the seeds of the next one follow.
    sessions: u64,
}

impl Questions {
    fn new(mode: AskedMode, minimum: u64) -> Self {
        let mut registered = table(0..REGISTERED, 0, 0);
        registered.minimum = minimum;
        let spec = spec_in(mode, &registered, &registered, Recipients::Requester).unwrap();
        assert_eq!(spec.receiver, Party::Requester);
        let fastest = available().last().cloned().unwrap();
        Self {
            spec,
            tools: tools(fastest),
            registered,
            sessions: 0,
        }
    }

    fn exact() -> Self {
        Self::new(AskedMode::Exact, 1)
    }

    /// Questions of `micros` millionths of epsilon each.
    fn noisy(micros: u64) -> Self {
        Self::noisy_with(micros, 1)
    }

    fn noisy_with(micros: u64, minimum: u64) -> Self {
        let epsilon = Epsilon::from_micros(micros).unwrap();
        let delta = DELTA;
        Self::new(AskedMode::Dp(Loss { epsilon, delta }), minimum)
    }

    /// Both sides draw noise of half the scale, among as many dummies.
    fn at_half_scale(mut self) -> Self {
        if let Mode::Dp(terms) = &mut self.spec.mode {
            terms.share.epsilon = Epsilon::from_micros(2 * terms.share.epsilon.micros()).unwrap();
        }
        self
    }

    /// The seeds of the next session, the analyst's first.
    fn seeds(&mut self) -> [[u8; 32]; 2] {
        self.sessions += 1;
        let mut of_session = [0; 32];
        of_session[..8].copy_from_slice(&self.sessions.to_be_bytes());
        [1, 2].map(|side| {
            of_session[31] = side;
            of_session
        })
    }

    fn holding(&self, people: impl Fn(u32) -> bool) -> Table {
        let mut table = self.registered.clone();
        table.rows.retain(|person, _| people(*person));
        table
    }

    /// The released count of a session of the whole machines; none if it is suppressed.
    fn released(&self, seeds: [[u8; 32]; 2], asked: &Table, owned: &Table) -> Option<u64> {
        self.cells(seeds, asked, owned)[0]
    }

    /// All that a session of the whole machines releases.
    fn cells(&self, seeds: [[u8; 32]; 2], asked: &Table, owned: &Table) -> Vec<Option<u64>> {
        let sides = [
            lists(&self.spec, Party::Requester, asked),
            lists(&self.spec, Party::Responder, owned),
        ];
        let pair = Pair::with_seeds(&self.spec, seeds, sides, &self.tools, 1 << 18).unwrap();
        pair.run().unwrap().requester.opened.unwrap().cells
    }

    /// What the Receiver's node sees before anything is suppressed, less the mean of its noise.
    fn seen(&self, seeds: [[u8; 32]; 2], asked: &Table, owned: &Table) -> i64 {
        let sides = Sides {
            spec: &self.spec,
            seeds,
            tables: [asked, owned],
            tools: self.tools.clone(),
        };
        let centre = self.spec.dp().map_or(0, crate::spec::DpTerms::centre);
        counted(&sides).cast_signed() - centre.cast_signed()
    }

    /// The owner's table with or without the person.
    fn owner(&self, present: bool) -> Table {
        self.holding(|person| person < OTHERS || (present && person == PERSON))
    }

    /// What the attacker asks about: the others, and the person or not.
    fn asking(&self, with_person: bool) -> Table {
        self.holding(|person| person < OTHERS || (with_person && person == PERSON))
    }
}

/// How often an attacker said yes in either world, of so many trials in each.
struct Guesses {
    trials: usize,
    right: usize,
    wrong: usize,
}

impl Guesses {
    fn count(trials: usize, mut guess: impl FnMut(bool) -> bool) -> Self {
        let mut said_yes = |present| (0..trials).filter(|_| guess(present)).count();
        let (right, wrong) = (said_yes(true), said_yes(false));
        Self {
            trials,
            right,
            wrong,
        }
    }

    /// The advantage is above this.
    fn advantage(&self) -> f64 {
        let wrong = upper_bound(self.wrong, self.trials, ALPHA);
        lower_bound(self.right, self.trials, ALPHA) - wrong
    }

    /// The advantage is below this.
    fn advantage_at_most(&self) -> f64 {
        let wrong = lower_bound(self.wrong, self.trials, ALPHA);
        upper_bound(self.right, self.trials, ALPHA) - wrong
    }

    /// Epsilon is above this, given delta: by "yes" or by "no", whichever shows more.
    fn epsilon(&self) -> f64 {
        let shown = |common: usize, rare: usize| {
            let p = lower_bound(common, self.trials, ALPHA) - DELTA.as_f64();
            let q = upper_bound(rare, self.trials, ALPHA);
            if p <= 0.0 { 0.0 } else { (p / q).ln() }
        };
        let no = shown(self.trials - self.wrong, self.trials - self.right);
        shown(self.right, self.wrong).max(no)
    }

    fn show(&self, what: &str) {
        println!(
            "{what}: {} and {} of {}, advantage {:.3} to {:.3}, epsilon {:.3} or more",
            self.right,
            self.wrong,
            self.trials,
            self.advantage(),
            self.advantage_at_most(),
            self.epsilon()
        );
    }
}

/// An attacker that asks about the others with the person and without, and compares the released
/// counts. `again` makes the owner run the second session from the seed of the first.
fn from_two_answers(questions: &mut Questions, trials: usize, again: bool) -> Guesses {
    let [all, others] = [true, false].map(|with| questions.asking(with));
    Guesses::count(trials, |present| {
        let owner = questions.owner(present);
        let first = questions.seeds();
        let second = if again { first } else { questions.seeds() };
        let count = |seeds, asked| questions.released(seeds, asked, &owner);
        count(first, &all) > count(second, &others)
    })
}

#[test]
fn in_exact_mode_two_questions_tell_whether_the_person_is_there() {
    let found = from_two_answers(&mut Questions::exact(), 40, false);
    found.show("exact, two answers");
    assert!(found.advantage() > allowed(1.0, DELTA.as_f64()));
    assert_eq!((found.right, found.wrong), (40, 0));
}

#[test]
fn with_noise_two_questions_tell_no_more_than_epsilon_allows() {
    let found = from_two_answers(&mut Questions::noisy(1_000_000), 60, false);
    found.show("epsilon 1, two answers");
    let most = allowed(1.0, DELTA.as_f64());
    assert!(found.advantage() <= most, "{} > {most}", found.advantage());
}

/// A node that runs two jobs from one seed has one noise for both.
#[test]
fn an_owner_that_replays_its_seed_is_found_out_by_the_same_two_questions() {
    let found = from_two_answers(&mut Questions::noisy(1_000_000), 40, true);
    found.show("epsilon 1, one seed for two answers");
    assert!(found.advantage() > allowed(1.0, DELTA.as_f64()));
}

#[test]
fn what_is_released_is_what_the_receivers_node_sees_unless_suppressed() {
    let mut questions = Questions::noisy_with(1_000_000, 10);
    let (owner, asked) = (questions.owner(true), questions.asking(true));
    let mut suppressed = 0;
    for _ in 0..12 {
        let seeds = questions.seeds();
        let seen = questions.seen(seeds, &asked, &owner);
        let shown = u64::try_from(seen).ok().filter(|count| *count >= 10);
        assert_eq!(questions.released(seeds, &asked, &owner), shown);
        suppressed += usize::from(shown.is_none());
    }
    assert!(suppressed > 0 && suppressed < 12);
}
