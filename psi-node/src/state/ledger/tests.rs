mod course;
mod model;

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::Barrier;
use std::thread;

use aggregator::budget::{PeerLimit, Period, PopulationConfig, RunLimits};
use psi_core::Code;

use super::*;
use crate::receipts::tests::Fixture;
use crate::state::place::private_tempdir;

/// 2026-11-25, a Wednesday.
const NOW: i64 = 1_795_571_538;
const DAY: i64 = 86_400;
const COLLAB: CollabId = CollabId([7; 32]);

fn population(refresh: Period) -> PopulationConfig {
    let brand = PeerLimit {
        micro_epsilon: Some(400),
        delta_units: None,
    };
    PopulationConfig {
        limit: Amount {
            micro_epsilon: 1000,
            delta_units: 500,
        },
        refresh,
        per_peer: BTreeMap::from([("brand".to_owned(), brand)]),
    }
}

fn debit(job: u64, micro_epsilon: u64, unix: i64) -> Debit {
    let mut job_id = [0; 64];
    job_id[..8].copy_from_slice(&job.to_be_bytes());
    Debit {
        job_id: JobId(job_id),
        peer_id: NodeId([2; 32]),
        peer: "shop".into(),
        table: "customers".into(),
        population: Some("people".into()),
        amount: Amount {
            micro_epsilon,
            delta_units: 0,
        },
        unix,
    }
}

fn limits<'a>(population: &'a PopulationConfig, runs: RunLimits, debit: &'a Debit) -> Limits<'a> {
    Limits {
        table: &debit.table,
        peer: &debit.peer,
        runs,
        population: Some(("people", population)),
    }
}

/// Reserves under the budget of a month and returns the refusal, if there is one.
fn reserve_one(state: &State, debit: &Debit) -> Option<Refusal> {
    let population = population(Period::Month);
    let limits = limits(&population, RunLimits::NONE, debit);
    state.budget_reserve(&COLLAB, debit, &limits).unwrap().err()
}

fn commit_one(state: &State, debit: &Debit) {
    state
        .write(|transaction| commit(transaction, &COLLAB, debit))
        .unwrap();
}

impl State {
    /// What a state of an older version is like.
    pub(crate) fn forget_debits(&self) {
        self.lock().execute("DELETE FROM debits", []).unwrap();
    }
}

fn state() -> (tempfile::TempDir, State) {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    (folder, state)
}

#[test]
fn the_opening_of_a_job_commits_its_debit_in_the_same_transaction() {
    let fixture = Fixture::new();
    let (state, id) = (&fixture.state, fixture.collab.id());
    let stored = fixture.next(fixture.opened(&fixture.job(1)));
    let mut debit = crate::receipts::tests::debit(&stored).unwrap();
    debit.unix = NOW;
    debit.amount.micro_epsilon = 300;
    debit.population = Some("people".into());
    let population = population(Period::Month);
    let limits = limits(&population, RunLimits::NONE, &debit);
    state.budget_reserve(&id, &debit, &limits).unwrap().unwrap();
    let sums = || {
        let (all, _) = state.budget_of("people", Period::Month, NOW).unwrap();
        (all.spent.micro_epsilon, all.reserved.micro_epsilon)
    };
    assert_eq!(sums(), (0, 300));
    let mut broken = stored.clone();
    broken.hash = [0; 64].into();
    assert!(state.entry_append(&id, &broken, Some(&debit)).is_err());
    assert_eq!(sums(), (0, 300), "what was not appended is not charged");
    state.entry_append(&id, &stored, Some(&debit)).unwrap();
    assert_eq!(sums(), (300, 0));
    assert!(state.budget_uncharged().unwrap().is_empty());
}

#[test]
fn opened_jobs_of_an_older_state_are_charged_once_and_for_the_time_they_began() {
    let fixture = Fixture::new();
    let stored = fixture.append(fixture.opened(&fixture.job(1)));
    let debit = crate::receipts::tests::debit(&stored).unwrap();
    let state = &fixture.state;
    state.forget_debits();
    let found = state.budget_uncharged().unwrap();
    assert_eq!(
        found,
        [Uncharged {
            collab_id: fixture.collab.id(),
            entry: stored.entry,
            unix: None
        }]
    );
    state.budget_charge(&fixture.collab.id(), &debit).unwrap();
    assert!(state.budget_uncharged().unwrap().is_empty());
    assert_eq!(state.budget_history(9).unwrap()[0].debit, debit);
}

#[test]
fn a_job_that_is_taken_back_is_charged_now_even_beyond_the_limit() {
    let (_folder, state) = state();
    commit_one(&state, &debit(1, 2000, NOW));
    let (all, _) = state.budget_of("people", Period::Month, NOW).unwrap();
    assert_eq!(all.spent.micro_epsilon, 2000);
    assert!(reserve_one(&state, &debit(2, 1, NOW)).is_some());
    let stored = &state.budget_history(1).unwrap()[0];
    assert_eq!((stored.debit.unix, stored.run), (NOW, RunState::Counted));
}

#[test]
fn a_clock_that_goes_back_and_forth_renews_a_budget_once() {
    let (_folder, state) = state();
    assert_eq!(reserve_one(&state, &debit(1, 1000, NOW)), None);
    commit_one(&state, &debit(1, 1000, NOW));
    // A month later the budget is new; it is spent; then the clock goes back, and on again.
    assert_eq!(reserve_one(&state, &debit(2, 1000, NOW + 30 * DAY)), None);
    for (job, unix) in [(3, NOW), (4, NOW - 90 * DAY), (5, NOW + 31 * DAY), (6, 0)] {
        let refusal = reserve_one(&state, &debit(job, 1, unix)).unwrap();
        assert!(
            refusal.sentence.contains("2027-01-01"),
            "{}",
            refusal.sentence
        );
    }
    assert_eq!(reserve_one(&state, &debit(7, 1000, NOW + 40 * DAY)), None);
}

#[test]
fn a_run_counts_for_its_table_and_its_peer_under_either_of_its_names() {
    let (_folder, state) = state();
    let population = population(Period::Never);
    let runs = RunLimits {
        day: NonZeroU64::new(2),
        ..RunLimits::NONE
    };
    let reserve = |debit: &Debit| {
        let limits = limits(&population, runs, debit);
        state.budget_reserve(&COLLAB, debit, &limits).unwrap().err()
    };
    assert_eq!(reserve(&debit(1, 0, NOW)), None);
    let renamed = Debit {
        peer: "shop2".into(),
        ..debit(2, 0, NOW)
    };
    assert_eq!(reserve(&renamed), None);
    assert_eq!(
        reserve(&debit(3, 0, NOW)).unwrap().code,
        Code::RunsExhausted
    );
    let other_table = Debit {
        table: "orders".into(),
        ..debit(4, 0, NOW)
    };
    let other_peer = Debit {
        peer_id: NodeId([3; 32]),
        peer: "brand".into(),
        ..debit(5, 0, NOW)
    };
    for debit in [&other_table, &other_peer, &debit(6, 0, NOW + DAY)] {
        assert_eq!(reserve(debit), None);
    }
    let counts = state.budget_runs("customers", NOW + DAY).unwrap();
    let names: Vec<&str> = counts.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["brand", "shop", "shop2"]);
    assert_eq!(counts[1].1, RunCounts([1, 3, 3, 3]));
}

#[test]
fn two_reservations_at_once_do_not_overspend() {
    for round in 0..20 {
        let (folder, _state) = state();
        let start = Barrier::new(2);
        let held = thread::scope(|scope| {
            let racer = |job| {
                let (folder, start) = (&folder, &start);
                scope.spawn(move || {
                    let state = State::open(folder.path()).unwrap();
                    start.wait();
                    reserve_one(&state, &debit(job, 501, NOW)).is_none()
                })
            };
            [racer(1), racer(2)].map(|racer| racer.join().unwrap())
        });
        assert_eq!(
            held.iter().filter(|&&held| held).count(),
            1,
            "round {round}"
        );
    }
}

#[test]
fn a_ledger_in_doubt_serves_nothing_under_a_limit_until_it_is_stated_and_settled() {
    let fixture = Fixture::new();
    let (state, id) = (&fixture.state, fixture.collab.id());
    assert_eq!(reserve_one(state, &debit(1, 1, NOW)), None);
    state.ledger_doubt("restored").unwrap();
    let refusal = reserve_one(state, &debit(2, 1, NOW)).unwrap();
    assert_eq!(refusal.code, Code::ReceiptsDisagree);
    // Judged alike before the owner is asked.
    let (population, asked) = (population(Period::Month), debit(2, 1, NOW));
    let limits = limits(&population, RunLimits::NONE, &asked);
    let judged = state.budget_would_reserve(&asked, &limits).unwrap();
    assert_eq!(judged.unwrap_err().code, Code::ReceiptsDisagree);
    assert!(
        refusal.remedy.contains("budget repair"),
        "{}",
        refusal.remedy
    );
    // A table without limits has no account that must be right.
    let free = debit(3, 0, NOW);
    let unlimited = Limits {
        table: "customers",
        peer: "shop",
        runs: RunLimits::NONE,
        population: None,
    };
    let reserved = state.budget_reserve(&COLLAB, &free, &unlimited).unwrap();
    assert_eq!(reserved, Ok(()));

    // The statement alone does not end it, nor does the settlement alone.
    let left = state
        .ledger_repair("the disk was replaced", &[])
        .unwrap()
        .unwrap();
    assert_eq!(left.unsettled, [id]);
    assert!(reserve_one(state, &debit(4, 1, NOW)).is_some());
    state.ledger_doubt("restored again").unwrap();
    state.ledger_settled(&id).unwrap();
    assert!(!state.ledger_awaits(&id).unwrap());
    let doubt = state.ledger_doubts().unwrap().unwrap();
    assert_eq!((doubt.why.as_str(), doubt.statement), ("restored", None));
    assert_eq!(state.ledger_repair("twice", &[]).unwrap(), None);
    assert_eq!(reserve_one(state, &debit(5, 1, NOW)), None);
}

#[test]
fn a_collaboration_that_cannot_be_reached_is_left_out_by_name() {
    let fixture = Fixture::new();
    fixture.state.ledger_doubt("restored").unwrap();
    let id = fixture.collab.id();
    assert_eq!(fixture.state.ledger_repair("text", &[id]).unwrap(), None);
    assert_eq!(fixture.state.ledger_doubts().unwrap(), None);
}
