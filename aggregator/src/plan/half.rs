//! What planning a request and planning a response have in common: whose table is whose, and this
//! side's plan over its own.
//!
//! Spec 10 §5. Called by [`super::request`] and [`super::response`].

use psi_core::Code;
use psi_core::spec::Party;

use super::MemberNames;
use super::output::OutputPlan;
use super::side::{self, Planned};
use crate::error::{QueryError, Refusal, Unavailable};
use crate::policy::question::Parties;
use crate::policy::{self, Question};
use crate::similar;
use crate::sql::ast::{Query, Side};
use crate::tables::table::{Lookup, Tables};

/// Who owns the table of `side`, if the requester owns that of `requester`.
pub(super) fn party(side: Side, requester: Side) -> Party {
    if side == requester {
        Party::Requester
    } else {
        Party::Responder
    }
}

/// Which of the two tables is this side's, and which the peer's.
pub(super) struct Sides {
    pub(super) own: Side,
    pub(super) peer: Side,
}

/// Finds whose the tables of `query` are.
pub(super) fn sides(query: &Query, members: MemberNames<'_>) -> Result<Sides, QueryError> {
    let MemberNames { own, peer } = members;
    for table in &query.tables {
        if !table.member.is(own) && !table.member.is(peer) {
            return Err(QueryError::meaning(
                table.at,
                format!(
                    "there is no member {} in this collaboration",
                    table.member.0
                ),
                format!("the members are {own} and {peer}"),
            ));
        }
    }
    let [first, second] = &query.tables;
    if first.member.is(own) && second.member.is(peer) {
        Ok(Sides {
            own: Side::First,
            peer: Side::Second,
        })
    } else if first.member.is(peer) && second.member.is(own) {
        Ok(Sides {
            own: Side::Second,
            peer: Side::First,
        })
    } else {
        Err(QueryError::subset(
            second.at,
            "a join of two tables of one member",
            format!("join a table of {own} with a table of {peer}"),
        ))
    }
}

/// Checks that a list shows only values of the requester's own key: the other side's do not leave
/// it.
pub(super) fn check_list(query: &Query, requester: Side) -> Result<(), QueryError> {
    match query.list.iter().find(|column| column.side != requester) {
        None => Ok(()),
        Some(column) => Err(QueryError::subset(
            column.at,
            "a list of the other member's identifiers",
            "select the key columns of your own table",
        )),
    }
}

/// This side's plan over its table, or why the table cannot answer.
pub(super) fn plan_side(
    tables: &Tables,
    query: &Query,
    own: Side,
    member: &str,
    parties: Parties<'_>,
    output: &OutputPlan,
) -> Result<Planned, QueryError> {
    let name = &own.of(&query.tables).table.0;
    match tables.lookup(name) {
        Lookup::Served(state) => side::plan(query, own, member, parties, output, &state),
        Lookup::NotServed(reason) => Err(QueryError::Refused(unavailable(&reason))),
        Lookup::Unknown => {
            let question = Question {
                table: name.clone(),
                ..Question::default()
            };
            match policy::evaluate(&question, None) {
                Err(mut refusal) => {
                    // For this node's own people: a peer is told the code.
                    refusal.sentence += &similar::suggestion(name, tables.names());
                    Err(QueryError::Refused(refusal))
                }
                // The policy refuses every table that it does not list.
                Ok(_) => Err(QueryError::Refused(not_accepted(
                    "no such table".to_owned(),
                ))),
            }
        }
    }
}

/// The peer's table and its key columns, as the text names them.
pub(super) struct PeerHalf {
    pub(super) table: String,
    pub(super) key_columns: Vec<String>,
}

/// What a query says of the peer's table.
pub(super) fn peer_half(query: &Query, peer: Side) -> PeerHalf {
    let key = side::columns_used(query, peer).key.into_iter();
    PeerHalf {
        table: peer.of(&query.tables).table.0.clone(),
        key_columns: key.map(|column| column.name.0.clone()).collect(),
    }
}

fn unavailable(reason: &Unavailable) -> Refusal {
    Refusal {
        code: Code::Unavailable,
        rule: format!("table.{}", reason.table),
        sentence: format!("the table {} is not served: {}", reason.table, reason.what),
        remedy: reason.remedy.clone(),
    }
}

/// The peer's text is not one that this crate would have sent.
pub(super) fn not_accepted(sentence: String) -> Refusal {
    Refusal {
        code: Code::QueryNotAccepted,
        rule: "sql".to_owned(),
        sentence,
        remedy: "see docs/sql for what a query may look like; both nodes need the same version"
            .to_owned(),
    }
}
