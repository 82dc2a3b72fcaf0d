use aggregator::budget::{Limits, RunLimits};
use psi_core::Code;
use psi_core::dp::Amount;
use psi_core::spec::JobSpec;
use psi_core::transcript::Transcripts;

use super::*;
use crate::receipts::tests::{Fixture, aborted, completed, debit, parts_of, refused};
use crate::state::AwaitedRefusal;

/// The follower of the fixture's log: the second member.
fn follower<'a>(fixture: &'a Fixture, statement: Option<&'a str>) -> Follower<'a> {
    Follower {
        state: &fixture.state,
        collab_id: fixture.collab.id(),
        own: fixture.keys[1].id().0,
        peer: fixture.keys[0].id().0,
        statement,
    }
}

/// What the follower stores before its commitment leaves: the fixture's own fields.
fn agree(fixture: &Fixture, job: &JobSpec) {
    let id = fixture.collab.id();
    let opening = OwnOpening {
        commitment: [2; 64],
        policy: [7; 64],
    };
    let state = &fixture.state;
    state.await_opening(&id, &job.job_id(), &opening).unwrap();
    let debit = debit(&fixture.next(fixture.opened(job))).unwrap();
    let limits = Limits {
        table: "customers",
        peer: "anna",
        runs: RunLimits::NONE,
        population: None,
    };
    assert_eq!(state.budget_reserve(&id, &debit, &limits).unwrap(), Ok(()));
}

#[test]
fn an_opening_is_the_one_that_this_node_agreed_to_and_that_may_still_come() {
    let fixture = Fixture::new();
    let job = fixture.job(1);
    let body = fixture.opened(&job);
    let takes = |body: &Body| follower(&fixture, None).takes(body).unwrap();
    assert!(!takes(&body), "never agreed to");
    agree(&fixture, &job);
    assert!(takes(&body));
    for wrong in 0..2 {
        let mut forged = body.clone();
        if let Body::Opened { agreements, .. } = &mut forged {
            agreements[wrong][0] ^= 1;
        }
        assert!(!takes(&forged), "agreement {wrong}");
        let mut charged = body.clone();
        if let Body::Opened { charges, .. } = &mut charged {
            charges[wrong] = Amount {
                micro_epsilon: 1,
                ..Amount::ZERO
            };
        }
        assert!(!takes(&charged), "charge {wrong}");
    }
    let mut other = body.clone();
    if let Body::Opened { commitments, .. } = &mut other {
        commitments[1][0] ^= 1;
    }
    assert!(!takes(&other), "another commitment in the own name");
    let mut other = body.clone();
    if let Body::Opened { policies, .. } = &mut other {
        policies[1][0] ^= 1;
    }
    assert!(!takes(&other), "another policy in the own name");
    let stranger = Follower {
        own: [9; 32],
        ..follower(&fixture, None)
    };
    assert!(!stranger.takes(&body).unwrap());
    let state = &fixture.state;
    state.budget_return(&job.job_id(), None).unwrap();
    assert!(
        takes(&body),
        "what it costs has come back, and it may come all the same"
    );
    let id = fixture.collab.id();
    assert_eq!(state.awaited_openings(&id).unwrap(), [job.job_id()]);
    state.opening_forget(&job.job_id()).unwrap();
    assert!(state.awaited_openings(&id).unwrap().is_empty());
    assert!(
        !takes(&body),
        "the sequencer has said that it will not come"
    );
    // After a restore the own signature over the job is all that is left to go by.
    assert!(follower(&fixture, Some("restored")).takes(&body).unwrap());
}

#[test]
fn a_completed_job_has_the_output_and_the_transcripts_that_were_found_here() {
    let fixture = Fixture::new();
    let job = fixture.job(1);
    let takes = |body: &Body| follower(&fixture, None).takes(body).unwrap();
    let body = completed(&job);
    assert!(!takes(&body) && !takes(&aborted(&job)), "not open");
    agree(&fixture, &job);
    fixture.append(fixture.opened(&job));
    assert!(!takes(&fixture.opened(&job)), "it is there");
    // What it waits for now is its end.
    let id = fixture.collab.id();
    assert!(fixture.state.awaited_openings(&id).unwrap().is_empty());
    fixture.state.opening_forget(&job.job_id()).unwrap();
    assert!(takes(&aborted(&job)));
    assert!(!takes(&body), "it did not come to its end here");
    let Body::Closed {
        output_commitment: Some(output_commitment),
        transcripts: Some(transcripts),
        ..
    } = body
    else {
        panic!("completed")
    };
    let closing = OwnClosing {
        output_commitment,
        transcripts,
    };
    fixture
        .state
        .await_closing(&job.job_id(), &closing)
        .unwrap();
    assert!(takes(&body) && takes(&aborted(&job)));
    let mut forged = body.clone();
    if let Body::Closed { transcripts, .. } = &mut forged {
        *transcripts = Some(Transcripts {
            to_sender: [0xee; 64],
            to_receiver: [0xee; 64],
        });
    }
    assert!(!takes(&forged));
    let mut forged = body;
    if let Body::Closed {
        output_commitment, ..
    } = &mut forged
    {
        *output_commitment = Some([0xee; 64]);
    }
    assert!(!takes(&forged));
}

#[test]
fn a_refusal_is_of_a_question_that_was_asked_or_refused_here() {
    let fixture = Fixture::new();
    let body = refused(&fixture);
    let takes = || follower(&fixture, None).takes(&body).unwrap();
    assert!(!takes(), "nobody asked");
    let ([requester, _], query, code) = parts_of(&body);
    let await_it = |code| {
        let refusal = AwaitedRefusal {
            requester,
            query,
            code,
        };
        let id = fixture.collab.id();
        fixture.state.await_refusal(&id, &refusal).unwrap();
    };
    await_it(Some(Code::Unavailable));
    assert!(!takes(), "refused for another reason");
    await_it(Some(code));
    assert!(takes());
    let stranger = Follower {
        own: [9; 32],
        ..follower(&fixture, None)
    };
    assert!(!stranger.takes(&body).unwrap());
}

#[test]
fn a_statement_in_the_own_name_has_the_own_words() {
    let fixture = Fixture::new();
    let (own, peer) = (fixture.keys[1].id().0, fixture.keys[0].id().0);
    let takes = |node_id, statement| {
        let text = "restored".into();
        let body = Body::Statement { node_id, text };
        follower(&fixture, statement).takes(&body).unwrap()
    };
    assert!(takes(own, Some("restored")));
    assert!(!takes(own, Some("other")) && !takes(own, None));
    assert!(takes(peer, None) && !takes([9; 32], Some("restored")));
}
