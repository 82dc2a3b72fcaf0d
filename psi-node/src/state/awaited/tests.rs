use aggregator::budget::{Limits, RunLimits};
use psi_core::receipt::{Commitment, OutputCommitment, PolicyDigest};
use psi_core::transcript::Transcript;

use super::*;
use crate::receipts::tests::{Fixture, aborted, debit, parts_of, refused};

const OPENING: OwnOpening = OwnOpening {
    commitment: Commitment([1; 64]),
    policy: PolicyDigest([2; 64]),
};
const CLOSING: OwnClosing = OwnClosing {
    output_commitment: OutputCommitment([3; 64]),
    transcripts: Transcripts {
        to_sender: Transcript([4; 64]),
        to_receiver: Transcript([5; 64]),
    },
};

#[test]
fn a_job_is_awaited_from_its_commitment_to_its_closed_entry_and_only_once() {
    let fixture = Fixture::new();
    let (state, id) = (&fixture.state, fixture.collab.id());
    let job = fixture.job(1);
    let job_id = job.job_id();
    assert_eq!(state.awaited_job(&job_id).unwrap(), None);
    let early = state.await_closing(&job_id, &CLOSING);
    assert!(matches!(early, Err(StateError::NotOpen)));
    state.await_opening(&id, &job_id, &OPENING).unwrap();
    let again = state.await_opening(&id, &job_id, &OPENING);
    assert!(matches!(again, Err(StateError::JobReused)));
    fixture.append(fixture.opened(&job));
    let awaited = state.awaited_job(&job_id).unwrap().unwrap();
    assert_eq!((awaited.opening, awaited.closing), (OPENING, None));
    state.await_closing(&job_id, &CLOSING).unwrap();
    let other = OwnClosing {
        output_commitment: OutputCommitment([9; 64]),
        ..CLOSING
    };
    assert!(matches!(
        state.await_closing(&job_id, &other),
        Err(StateError::NotOpen)
    ));
    let awaited = state.awaited_job(&job_id).unwrap().unwrap();
    assert_eq!(awaited.closing, Some(CLOSING));
    fixture.append(aborted(&job));
    assert_eq!(state.awaited_job(&job_id).unwrap(), None);
}

#[test]
fn an_opening_may_come_until_it_is_there_or_will_not_come_whatever_became_of_its_cost() {
    let fixture = Fixture::new();
    let (state, id) = (&fixture.state, fixture.collab.id());
    let (first, second) = (fixture.job(1), fixture.job(2));
    for job in [&first, &second] {
        state.await_opening(&id, &job.job_id(), &OPENING).unwrap();
    }
    let limits = Limits {
        table: "customers",
        peer: "anna",
        runs: RunLimits::NONE,
        population: None,
    };
    let costs = debit(&fixture.next(fixture.opened(&first))).unwrap();
    assert_eq!(state.budget_reserve(&id, &costs, &limits).unwrap(), Ok(()));
    state.budget_return(&first.job_id(), None).unwrap();
    let awaited = || {
        let mut awaited = state.awaited_openings(&id).unwrap();
        awaited.sort_unstable();
        awaited
    };
    let mut both = [first.job_id(), second.job_id()];
    both.sort_unstable();
    assert_eq!(awaited(), both);
    fixture.append(fixture.opened(&first));
    assert_eq!(awaited(), [second.job_id()]);
    // What the first one waits for now is its end.
    for job in [&first, &second] {
        state.opening_forget(&job.job_id()).unwrap();
    }
    assert!(awaited().is_empty());
    assert!(state.awaited_job(&first.job_id()).unwrap().is_some());
    assert_eq!(state.awaited_job(&second.job_id()).unwrap(), None);
}

#[test]
fn each_refused_entry_uses_up_one_question_that_was_asked_or_refused() {
    let fixture = Fixture::new();
    let (state, id) = (&fixture.state, fixture.collab.id());
    let body = refused(&fixture);
    let ([requester, _], query, code) = parts_of(&body);
    let awaits = |code| state.awaits_refusal(&id, &requester, &query, code).unwrap();
    assert!(!awaits(code));
    let of = |code| AwaitedRefusal {
        requester,
        query,
        code,
    };
    state.await_refusal(&id, &of(Some(code))).unwrap();
    assert!(awaits(code));
    assert!(!awaits(Code::Unavailable), "another code than was sent");
    fixture.append(body.clone());
    assert!(!awaits(code), "recorded once");
    // A question of this node can be refused for any reason, until it is answered otherwise.
    let asked = state.await_refusal(&id, &of(None)).unwrap();
    assert!(awaits(code) && awaits(Code::Unavailable));
    state.refusal_forget(asked).unwrap();
    assert!(!awaits(code));
}

#[test]
fn the_oldest_of_too_many_refusals_gives_way() {
    let fixture = Fixture::new();
    let (state, id) = (&fixture.state, fixture.collab.id());
    let of = |n: u64| AwaitedRefusal {
        requester: NodeId([1; 32]),
        query: QueryDigest([u8::try_from(n).unwrap(); 64]),
        code: None,
    };
    for n in 0..=REFUSALS_AWAITED_MAX {
        state.await_refusal(&id, &of(n)).unwrap();
    }
    let awaits = |n| {
        let query = of(n).query;
        state
            .awaits_refusal(&id, &NodeId([1; 32]), &query, Code::Unavailable)
            .unwrap()
    };
    assert!(!awaits(0));
    assert!(awaits(1) && awaits(REFUSALS_AWAITED_MAX));
}
