use psi_core::limits::APPROVALS_PENDING_MAX;

use super::*;
use crate::fixture::signed;
use crate::state::place::private_tempdir;

const DAY: i64 = 86_400;

struct Fixture {
    folder: tempfile::TempDir,
    state: State,
    collab_id: CollabId,
}

fn fixture() -> Fixture {
    let folder = private_tempdir();
    let state = State::open(folder.path()).unwrap();
    let (collab, _) = signed();
    state.collab_join(&collab).unwrap();
    let collab_id = collab.id();
    Fixture {
        folder,
        state,
        collab_id,
    }
}

impl Fixture {
    fn question(&self, number: u8) -> AskedQuestion {
        AskedQuestion {
            hash: QuestionHash([number; 64]),
            collab_id: self.collab_id,
            collab: "summer".into(),
            asker: "brand".into(),
            table: "customers".into(),
            query: "SELECT COUNT(*)".into(),
            recipients: "requester".into(),
            sizes: "{}".into(),
            rules: "[]".into(),
        }
    }

    fn ask(&self, number: u8, now: i64) -> Standing {
        let question = self.question(number);
        self.state.approval_ask(&question, now, DAY).unwrap()
    }

    fn recorded(&self, number: u8, now: i64) -> String {
        match self.ask(number, now) {
            Standing::Recorded(id) => id,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn one_approval_lets_one_job_through_and_the_next_asks_again() {
    let fixture = fixture();
    let id = fixture.recorded(1, 0);
    assert_eq!(fixture.ask(1, 5), Standing::Waiting(id.clone()));
    let decided = fixture.state.approval_decide(&id[..6], Ok(()), 10, DAY);
    assert_eq!(decided.unwrap().state, ApprovalState::Approved);
    assert_eq!(fixture.ask(1, 20), Standing::Approved(id.clone()));
    assert!(
        fixture
            .state
            .approval_use(&id, &JobId([7; 64]), 20)
            .unwrap()
    );
    assert!(
        !fixture
            .state
            .approval_use(&id, &JobId([8; 64]), 20)
            .unwrap()
    );
    let used = fixture.state.approval(&id, 20).unwrap();
    assert_eq!(
        (used.state, used.job_id),
        (ApprovalState::Used, Some(JobId([7; 64])))
    );
    assert_eq!(used.asked, 3);
    assert_ne!(fixture.recorded(1, 30), id);
}

#[test]
fn another_question_needs_an_approval_of_its_own() {
    let fixture = fixture();
    let id = fixture.recorded(1, 0);
    fixture.state.approval_decide(&id, Ok(()), 0, DAY).unwrap();
    fixture.recorded(2, 1);
}

#[test]
fn what_is_not_decided_or_not_used_in_time_expires() {
    let fixture = fixture();
    let first = fixture.recorded(1, 0);
    let expired = fixture.state.approval(&first, DAY).unwrap();
    assert_eq!(expired.state, ApprovalState::Expired);
    let late = fixture.state.approval_decide(&first, Ok(()), DAY, DAY);
    assert!(matches!(
        late,
        Err(StateError::Decided {
            state: ApprovalState::Expired,
            ..
        })
    ));
    let second = fixture.recorded(1, DAY);
    fixture
        .state
        .approval_decide(&second, Ok(()), DAY, DAY)
        .unwrap();
    assert!(
        !fixture
            .state
            .approval_use(&second, &JobId([7; 64]), 2 * DAY)
            .unwrap()
    );
    fixture.recorded(1, 2 * DAY);
}

#[test]
fn a_refusal_stands_until_it_expires_and_keeps_the_owners_words() {
    let fixture = fixture();
    let id = fixture.recorded(1, 0);
    let denied = fixture
        .state
        .approval_decide(&id, Err(Some("not this month")), 1, DAY)
        .unwrap();
    assert_eq!(denied.reason.as_deref(), Some("not this month"));
    assert_eq!(fixture.ask(1, 2), Standing::Denied(id.clone()));
    assert!(!fixture.state.approval_use(&id, &JobId([7; 64]), 2).unwrap());
    let again = fixture.state.approval_decide(&id, Ok(()), 3, DAY);
    assert!(matches!(again, Err(StateError::Decided { .. })));
    fixture.recorded(1, 1 + DAY);
}

#[test]
fn an_approval_that_was_not_used_can_be_taken_back() {
    let fixture = fixture();
    let id = fixture.recorded(1, 0);
    fixture.state.approval_decide(&id, Ok(()), 1, DAY).unwrap();
    fixture
        .state
        .approval_decide(&id, Err(None), 2, DAY)
        .unwrap();
    assert_eq!(fixture.ask(1, 3), Standing::Denied(id));
}

#[test]
fn requests_and_decisions_survive_a_restart() {
    let fixture = fixture();
    let waiting = fixture.recorded(1, 0);
    let approved = fixture.recorded(2, 0);
    fixture
        .state
        .approval_decide(&approved, Ok(()), 1, DAY)
        .unwrap();
    drop(fixture.state);
    let state = State::open(fixture.folder.path()).unwrap();
    let listed: Vec<_> = state.approvals(10, 2).unwrap();
    let listed: Vec<_> = listed.iter().map(|a| (a.id.as_str(), a.state)).collect();
    assert_eq!(
        listed,
        [
            (waiting.as_str(), ApprovalState::Pending),
            (approved.as_str(), ApprovalState::Approved)
        ]
    );
}

#[test]
fn a_peer_can_make_only_so_many_requests_wait() {
    let fixture = fixture();
    for number in 0..APPROVALS_PENDING_MAX {
        fixture.recorded(u8::try_from(number).unwrap(), 0);
    }
    assert_eq!(fixture.ask(200, 0), Standing::TooMany);
    assert!(matches!(fixture.ask(0, 0), Standing::Waiting(_)));
    // Those that expired make room.
    fixture.recorded(200, DAY);
}
