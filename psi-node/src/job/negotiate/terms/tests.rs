use psi_core::Code;
use psi_core::identifier::IdentifierKind;
use psi_core::messages::Proposal;
use psi_core::spec::{AskedMode, Half, PROTOCOL_VERSION, Party, Recipients, Shape};

use super::Terms;
use crate::collab::Collaboration;
use crate::receipts::tests::Fixture;

/// One thing that is wrong with a half.
type Change = fn(&mut Half);

/// A question of the first member, and the half that answers it.
struct Asked {
    fixture: Fixture,
    shape: Shape,
    columns: Vec<String>,
    proposal: Proposal,
    answer: Half,
}

fn asked() -> Asked {
    let fixture = Fixture::new();
    let job = fixture.job(1);
    let proposal = Proposal {
        version: PROTOCOL_VERSION,
        collab_id: fixture.collab.id(),
        revision: fixture.collab.revision_hash(),
        query: "SELECT COUNT(*) …".into(),
        hidden: Vec::new(),
        recipients: Recipients::Requester,
        mode: AskedMode::Exact,
        half: job.requester,
    };
    Asked {
        fixture,
        shape: Shape::count_rows(),
        columns: vec!["email_hash".into()],
        proposal,
        answer: job.responder,
    }
}

impl Asked {
    /// As `own` knows it, under `collab`.
    fn terms<'a>(&'a self, own: Party, collab: &'a Collaboration) -> Terms<'a> {
        let peer = match own {
            Party::Requester => &self.answer,
            Party::Responder => &self.proposal.half,
        };
        Terms {
            collab,
            own,
            peer: peer.node_id,
            shape: &self.shape,
            peer_table: "customers",
            peer_key_columns: &self.columns,
        }
    }
}

#[test]
fn both_sides_come_to_the_same_job() {
    let asked = asked();
    let job = |own| {
        let terms = asked.terms(own, &asked.fixture.collab);
        terms
            .assemble(&asked.proposal, asked.answer.clone())
            .unwrap()
    };
    assert_eq!(job(Party::Requester), job(Party::Responder));
    assert_eq!(job(Party::Requester), asked.fixture.job(1));
}

#[test]
fn a_half_that_is_not_the_peers_or_about_something_else_is_refused() {
    let asked = asked();
    let terms = asked.terms(Party::Requester, &asked.fixture.collab);
    terms.check_half(&asked.answer).unwrap();
    let changes: [Change; 4] = [
        |half| half.node_id.0[0] ^= 1,
        |half| half.facts.member = "somebody".into(),
        |half| half.facts.table = "orders".into(),
        |half| half.facts.key_columns = vec!["phone".into()],
    ];
    for change in changes {
        let mut half = asked.answer.clone();
        change(&mut half);
        let failure = terms.check_half(&half).unwrap_err();
        assert_eq!(failure.code(), Code::SpecMismatch);
    }
    let mut beyond = asked.answer.clone();
    beyond.facts.identities = 0;
    let failure = terms.check_half(&beyond).unwrap_err();
    assert_eq!(failure.code(), Code::SizeNotServed);
}

#[test]
fn halves_that_do_not_fit_together_are_a_refusal_and_no_broken_protocol() {
    let mut asked = asked();
    asked.answer.facts.key_kinds = vec![IdentifierKind::Text];
    let terms = asked.terms(Party::Responder, &asked.fixture.collab);
    let failure = terms
        .assemble(&asked.proposal, asked.answer.clone())
        .unwrap_err();
    assert_eq!(failure.code(), Code::KindsDiffer);
    assert!(!failure.code().is_violation());
}
