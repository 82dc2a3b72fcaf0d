use super::*;
use crate::error::Code;
use crate::log_fixture::bodies::{aborted, completed, job, keys, opened, refused_by, statement};
use crate::log_fixture::node::{Disk, Node};
use crate::log_fixture::pair::{FOLLOWER, Pair, SEQUENCER};
use crate::receipt::{Commitment, OutputCommitment, PolicyDigest, Signature};
use crate::transcript::Transcripts;

/// A field of the requester's and of the responder's.
type Both<T> = [T; 2];
/// Changes agreements, commitments and policies.
type Edit<'a> = dyn Fn(&mut Both<Signature>, &mut Both<Commitment>, &mut Both<PolicyDigest>) + 'a;

fn judged(node: &Node, statement: Option<&str>, body: &Body) -> bool {
    node.member(|member| takes(member, statement, body))
        .unwrap()
}

/// The follower alone; it is the requester of every job.
fn follower() -> Node {
    Pair::new().nodes[FOLLOWER].clone()
}

#[test]
fn an_opening_is_the_one_that_this_node_agreed_to_and_that_may_still_come() {
    let mut node = follower();
    let body = opened(1);
    assert!(!judged(&node, None, &body), "never agreed to");
    node.await_opening(1);
    assert!(judged(&node, None, &body));
    let change = |change: &Edit<'_>| {
        let mut body = body.clone();
        if let Body::Opened {
            agreements,
            commitments,
            policies,
            ..
        } = &mut body
        {
            change(agreements, commitments, policies);
        }
        body
    };
    for wrong in 0..2 {
        let forged = change(&|agreements, _, _| agreements[wrong].0[0] ^= 1);
        assert!(!judged(&node, None, &forged), "agreement {wrong}");
        let mut charged = body.clone();
        if let Body::Opened { charges, .. } = &mut charged {
            charges[wrong].micro_epsilon = 1;
        }
        assert!(!judged(&node, None, &charged), "charge {wrong}");
    }
    let own = change(&|_, commitments, _| commitments[0].0[0] ^= 1);
    assert!(!judged(&node, None, &own), "another commitment in its name");
    let own = change(&|_, _, policies| policies[0].0[0] ^= 1);
    assert!(!judged(&node, None, &own), "another policy in its name");
    let theirs = change(&|_, commitments, policies| {
        commitments[1].0[0] ^= 1;
        policies[1].0[0] ^= 1;
    });
    assert!(
        judged(&node, None, &theirs),
        "the peer's is the peer's business"
    );
    let mut stranger = node.clone();
    stranger.peer = [9; 32].into();
    assert!(!judged(&stranger, None, &body));
    node.disk.awaited.clear();
    assert!(!judged(&node, None, &body), "it was forgotten");
    // After a restore, its signature over the job is all that it has to go by.
    assert!(judged(&node, Some("restored"), &body));
    let forged = change(&|agreements, _, _| agreements[0].0[0] ^= 1);
    assert!(!judged(&node, Some("restored"), &forged));
}

#[test]
fn a_job_that_is_on_the_log_is_not_opened_again() {
    let mut pair = Pair::new();
    pair.open(1);
    let node = &pair.nodes[FOLLOWER];
    assert!(node.disk.awaited.contains_key(&job(1).job_id()));
    assert!(!judged(node, None, &opened(1)));
}

#[test]
fn a_completed_job_has_the_output_and_the_transcripts_that_were_found_here() {
    let mut pair = Pair::new();
    let body = completed(1);
    let node = &pair.nodes[FOLLOWER];
    assert!(
        !judged(node, None, &body) && !judged(node, None, &aborted(1)),
        "not open"
    );
    pair.open(1);
    let node = &mut pair.nodes[FOLLOWER];
    assert!(judged(node, None, &aborted(1)));
    assert!(
        !judged(node, None, &body),
        "it did not come to its end here"
    );
    assert!(
        judged(node, Some("restored"), &body),
        "what it found may be lost"
    );
    node.await_closing(&job(1).job_id());
    assert!(judged(node, None, &body) && judged(node, None, &aborted(1)));
    let mut forged = body.clone();
    if let Body::Closed { transcripts, .. } = &mut forged {
        *transcripts = Some(Transcripts {
            to_sender: [0xee; 64].into(),
            to_receiver: [0xee; 64].into(),
        });
    }
    assert!(!judged(node, None, &forged));
    let mut forged = body;
    if let Body::Closed {
        output_commitment, ..
    } = &mut forged
    {
        *output_commitment = Some(OutputCommitment([0xee; 64]));
    }
    assert!(!judged(node, None, &forged));
    assert!(!judged(node, Some("restored"), &aborted(2)), "another job");
}

#[test]
fn a_refusal_is_of_a_question_that_was_asked_or_refused_here() {
    let mut node = follower();
    let keys = keys();
    let body = refused_by(&keys.first, &keys.second);
    assert!(!judged(&node, None, &body), "nobody asked");
    let mut other = body.clone();
    if let Body::Refused { code, .. } = &mut other {
        *code = Code::Unavailable;
    }
    node.await_refusal(&other);
    assert!(!judged(&node, None, &body), "refused for another reason");
    node.await_refusal(&body);
    assert!(judged(&node, None, &body));
    let turned = refused_by(&keys.second, &keys.first);
    assert!(!judged(&node, None, &turned), "the other one asked");
    node.disk = Disk::default();
    assert!(judged(&node, Some("restored"), &body));
    let strangers = refused_by(&keys.first, &keys.stranger);
    assert!(!judged(&node, Some("restored"), &strangers));
}

#[test]
fn a_statement_in_this_members_name_has_its_owners_words() {
    let node = follower();
    let words = "restored from a backup";
    let own = statement(node.id());
    assert!(judged(&node, Some(words), &own));
    assert!(!judged(&node, Some("other"), &own) && !judged(&node, None, &own));
    let peer = statement(Pair::new().nodes[SEQUENCER].id());
    assert!(judged(&node, None, &peer));
    assert!(!judged(&node, Some(words), &statement([9; 32].into())));
}
