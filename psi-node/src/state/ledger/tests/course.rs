//! What becomes of a debit: runs that count, amounts that come back, restarts.

use super::*;
use crate::identity::NodeKey;

/// All debits, the newest first.
fn states(state: &State) -> Vec<(DebitState, RunState)> {
    let debits = state.budget_history(99).unwrap();
    debits.iter().map(|of| (of.state, of.run)).collect()
}

fn freeze(state: &State, debit: &Debit) {
    let key = NodeKey::generate().unwrap();
    state
        .budget_freezing(&debit.job_id, &key, "begins")
        .unwrap();
}

#[test]
fn a_reservation_holds_until_it_is_given_back_and_a_run_from_the_moment_that_freezing_begins() {
    let (_folder, state) = state();
    let (first, second, third) = (debit(1, 600, NOW), debit(2, 600, NOW), debit(3, 400, NOW));
    assert_eq!(reserve_one(&state, &first), None);
    let refusal = reserve_one(&state, &second).unwrap();
    assert_eq!(refusal.code, Code::BudgetExhausted);
    state.budget_return(&first.job_id, None).unwrap();
    assert_eq!(reserve_one(&state, &second), None);
    freeze(&state, &second);
    commit_one(&state, &second);
    assert_eq!(reserve_one(&state, &third), None);
    let (all, peers) = state.budget_of("people", Period::Month, NOW).unwrap();
    assert_eq!(
        (all.spent.micro_epsilon, all.reserved.micro_epsilon),
        (600, 400)
    );
    assert_eq!(peers, [("shop".to_owned(), all)]);
    // Opened, frozen, and broken off before anything was handed over: the amount comes back.
    state.budget_return(&second.job_id, None).unwrap();
    assert_eq!(
        states(&state),
        [
            (DebitState::Reserved, RunState::Held),
            (DebitState::Returned, RunState::Counted),
        ],
        "nothing is left of the first, which read no row"
    );
    assert_eq!(state.budget_runs("customers", NOW).unwrap()[0].1.0[3], 2);
    // A job that has ended does not begin again.
    let key = NodeKey::generate().unwrap();
    let late = state.budget_freezing(&first.job_id, &key, "late");
    assert!(matches!(late, Err(StateError::NotReserved)), "{late:?}");
    assert!(state.notes().unwrap().len() == 1);
}

#[test]
fn a_peer_that_agrees_and_breaks_off_two_hundred_times_uses_up_its_runs_and_nothing_else() {
    let (_folder, state) = state();
    let population = population(Period::Month);
    let key = NodeKey::generate().unwrap();
    let mut agreed = 0;
    for job in 0..200 {
        let probe = debit(job, 500, NOW);
        let limits = limits(&population, RunLimits::unless_said(), &probe);
        match state.budget_reserve(&COLLAB, &probe, &limits).unwrap() {
            Ok(()) => agreed += 1,
            Err(refusal) => {
                assert_eq!(refusal.code, Code::RunsExhausted);
                continue;
            }
        }
        state
            .budget_freezing(&probe.job_id, &key, "begins")
            .unwrap();
        let note = Some((&key, "given back"));
        state.budget_return(&probe.job_id, note).unwrap();
    }
    assert_eq!(agreed, 50);
    let (all, _) = state.budget_of("people", Period::Month, NOW).unwrap();
    assert_eq!(all.total(), Amount::ZERO);
    assert_eq!(state.budget_runs("customers", NOW).unwrap()[0].1.0, [50; 4]);
    // Each of them is in this node's log, twice.
    let log = state.notes().unwrap();
    let of = |kind: &str| log.iter().filter(|entry| entry.kind == kind).count();
    assert_eq!((of("job"), of("returned"), log.len()), (50, 50, 100));
    // Another peer is served, and the next day this one is again.
    let other = Debit {
        peer_id: NodeId([3; 32]),
        peer: "brand".into(),
        ..debit(300, 400, NOW)
    };
    for debit in [&other, &debit(301, 500, NOW + DAY)] {
        let limits = limits(&population, RunLimits::unless_said(), debit);
        let reserved = state.budget_reserve(&COLLAB, debit, &limits).unwrap();
        assert_eq!(reserved, Ok(()));
    }
}

#[test]
fn a_restart_keeps_what_was_reserved_and_frees_the_places_of_jobs_that_had_not_begun() {
    let (folder, state) = state();
    let (opened, frozen, accepted) = (debit(1, 300, NOW), debit(2, 200, NOW), debit(3, 100, NOW));
    for debit in [&opened, &frozen, &accepted] {
        assert_eq!(reserve_one(&state, debit), None);
    }
    for debit in [&opened, &frozen] {
        freeze(&state, debit);
    }
    commit_one(&state, &opened);
    // The first handle stays open, as after kill -9.
    let after = State::open(folder.path()).unwrap();
    assert_eq!(after.budget_keep().unwrap(), 2);
    assert_eq!(after.budget_keep().unwrap(), 0);
    let (all, _) = after.budget_of("people", Period::Month, NOW).unwrap();
    assert_eq!(
        (all.spent.micro_epsilon, all.reserved.micro_epsilon),
        (600, 0)
    );
    assert_eq!(
        states(&after),
        [
            (DebitState::Kept, RunState::Free),
            (DebitState::Kept, RunState::Counted),
            (DebitState::Committed, RunState::Counted)
        ]
    );
    // Nothing brings it back, and an opening that comes in a settlement does not charge it twice.
    after.budget_return(&frozen.job_id, None).unwrap();
    commit_one(&after, &frozen);
    let (all, _) = after.budget_of("people", Period::Month, NOW).unwrap();
    assert_eq!(all.spent.micro_epsilon, 600);
}

#[test]
fn the_opening_of_a_job_that_had_handed_nothing_over_is_recorded_and_costs_nothing() {
    let (folder, state) = state();
    let job = debit(1, 300, NOW);
    assert_eq!(reserve_one(&state, &job), None);
    freeze(&state, &job);
    state.budget_return(&job.job_id, None).unwrap();
    // What one process knew, the next one reads.
    let after = State::open(folder.path()).unwrap();
    after.budget_keep().unwrap();
    commit_one(&after, &job);
    assert_eq!(states(&after), [(DebitState::Returned, RunState::Counted)]);
    let (all, _) = after.budget_of("people", Period::Month, NOW).unwrap();
    assert_eq!(all.total(), Amount::ZERO);
}

#[test]
fn a_population_of_two_collaborations_is_halved_for_a_peer_without_a_limit() {
    let fixture = Fixture::new();
    let state = &fixture.state;
    let two = debit(1, 501, NOW);
    let population = population(Period::Month);
    let would = |debit: &Debit| {
        let limits = limits(&population, RunLimits::NONE, debit);
        state.budget_would_reserve(debit, &limits).unwrap()
    };
    assert!(!state.budget_is_shared().unwrap());
    assert_eq!(would(&two), Ok(()));
    fixture.join_another();
    assert!(state.budget_is_shared().unwrap());
    assert_eq!(would(&two).unwrap_err().code, Code::BudgetExhausted);
    // Half of the half at a time.
    assert_eq!(would(&debit(2, 250, NOW)), Ok(()));
    let refusal = would(&debit(3, 251, NOW)).unwrap_err();
    assert_eq!(refusal.rule, "population.people.per_peer.shop");
    for (job, fits) in [(4, true), (5, true), (6, false)] {
        let debit = debit(job, 250, NOW);
        let refusal = reserve_one(state, &debit);
        assert_eq!(refusal.is_none(), fits, "{job}: {refusal:?}");
        commit_one(state, &debit);
    }
}
