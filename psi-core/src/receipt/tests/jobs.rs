//! What a log may say of jobs and members: each job opened once and closed once, between the
//! members alone.

use super::{
    COLLAB, ChainError, aborted, completed, honest_log, job, keys, log, node_id, opened, opened_by,
    refused_by, resigned, spec_between, statement, verify,
};
use crate::error::Code;

#[test]
fn a_job_opened_twice_is_refused_even_after_its_end() {
    let log = log([opened(1), completed(1), opened(1)]);
    assert_wrong!(log, 2, ChainError::Reopened);
}

#[test]
fn a_job_closes_once_and_only_after_it_was_opened() {
    assert_wrong!(log([completed(1)]), 0, ChainError::NotOpen);
    assert_wrong!(log([opened(1), completed(2)]), 1, ChainError::NotOpen);
    assert_wrong!(
        log([opened(1), completed(1), completed(1)]),
        2,
        ChainError::NotOpen
    );
    assert_wrong!(
        log([opened(1), aborted(1), completed(1)]),
        2,
        ChainError::NotOpen
    );
}

#[test]
fn a_log_of_another_collaboration_is_refused() {
    let log = resigned(honest_log(), 4, |entry| entry.collab_id.0[0] ^= 1);
    assert_wrong!(log, 4, ChainError::OtherCollaboration);
}

#[test]
fn a_job_between_nodes_that_are_not_the_members_is_refused() {
    let keys = keys();
    for (requester, responder) in [
        (&keys.first, &keys.stranger),
        (&keys.stranger, &keys.second),
    ] {
        let spec = spec_between(1, COLLAB, requester, responder);
        let log = log([opened_by(&spec, requester, responder)]);
        assert_wrong!(log, 0, ChainError::OtherNodes);
    }
    for body in [
        statement(node_id(&keys.stranger)),
        refused_by(&keys.first, &keys.stranger),
        refused_by(&keys.stranger, &keys.second),
    ] {
        assert_wrong!(log([body]), 0, ChainError::OtherNodes);
    }
}

#[test]
fn a_refusal_opens_nothing_and_counts_no_job() {
    let keys = keys();
    let refused = || refused_by(&keys.second, &keys.first);
    let summary = verify(&log([opened(1), refused(), completed(1), refused()])).unwrap();
    assert_eq!((summary.opened, summary.refused), (1, 2));
}

#[test]
fn a_job_that_one_side_did_not_agree_to_is_refused() {
    let keys = keys();
    for (requester, responder) in [
        (&keys.stranger, &keys.first),
        (&keys.second, &keys.stranger),
        (&keys.first, &keys.second),
    ] {
        let log = log([opened(2), opened_by(&job(1), requester, responder)]);
        assert_wrong!(
            log,
            1,
            ChainError::Malformed(why) if why.code() == Code::SignatureInvalid
        );
    }
}

#[test]
fn either_member_may_ask() {
    let keys = keys();
    let spec = spec_between(1, COLLAB, &keys.first, &keys.second);
    let summary = verify(&log([opened_by(&spec, &keys.first, &keys.second)])).unwrap();
    assert_eq!(summary.opened, 1);
}
