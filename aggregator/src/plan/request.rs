//! Planning a request from the analyst's text, and a response from the peer's.
//!
//! Spec 10 §3.3 and §5.

use psi_core::spec::{Party, Recipients};
use psi_core::{Code, limits};

use super::output::{self, OutputPlan};
use super::side::{self, Planned};
use super::{HiddenLiteral, RequestPlan, ResponsePlan};
use crate::error::{QueryError, Refusal, Unavailable};
use crate::policy::question::Parties;
use crate::policy::{self, Question};
use crate::source::conditions::no_column;
use crate::sql::ast::{LiteralValue, Query, Side};
use crate::sql::canonical::{self, typed_literal};
use crate::sql::parse::{self, Author};
use crate::tables::table::{Lookup, Tables};

/// Plans the analyst's query. `members` are the names of this side and of the peer.
pub(crate) fn request(
    tables: &Tables,
    sql: &str,
    members: (&str, &str),
    recipients: Recipients,
) -> Result<RequestPlan, QueryError> {
    let query = parse::read(sql, Author::Own)?;
    let (own, peer) = sides(&query, members)?;
    let (canonical, hidden) = canonical::print(&query, own);
    check_size(&canonical, hidden.len(), &query)?;
    check_again(&canonical, &query)?;
    check_list(&query, own)?;
    check_names(tables, &query, own)?;
    let parties = Parties {
        requester: members.0,
        other_recipient: recipients.include(Party::Responder).then_some(members.1),
    };
    let output = output::output(&query, &|side| party(side, own));
    let planned = plan_side(tables, &query, own, members.0, parties, &output)?;
    let hidden = hidden
        .into_iter()
        .map(|literal| HiddenLiteral::new(typed_literal(&literal.value)))
        .collect();
    let (peer_table, peer_key_columns) = peer_half(&query, peer);
    let Planned {
        side,
        facts,
        private_facts,
    } = planned;
    Ok(RequestPlan {
        canonical,
        hidden,
        side,
        facts,
        private_facts,
        output,
        peer_table,
        peer_key_columns,
    })
}

/// The table of this side that the analyst's query names, served or not.
pub(crate) fn own_table(sql: &str, members: (&str, &str)) -> Result<String, QueryError> {
    let query = parse::read(sql, Author::Own)?;
    let (own, _) = sides(&query, members)?;
    Ok(query.tables[own.index()].table.0.clone())
}

/// Plans the peer's canonical text, in which `hidden_literals` are hidden.
pub(crate) fn response(
    tables: &Tables,
    text: &str,
    members: (&str, &str),
    recipients: Recipients,
    hidden_literals: usize,
) -> Result<ResponsePlan, Refusal> {
    let query = parse::read(text, Author::Peer)
        .map_err(|err| not_accepted(format!("the peer's text was not accepted: {err}")))?;
    let (own, peer) = sides(&query, members)
        .map_err(|err| not_accepted(format!("the peer's text was not accepted: {err}")))?;
    check_hidden(&query, own)?;
    let (canonical, hidden) = canonical::print(&query, peer);
    if canonical != text {
        return Err(not_accepted(
            "the peer's text is not in canonical form".to_owned(),
        ));
    }
    if hidden.len() != hidden_literals || hidden.len() > limits::HIDDEN_LITERALS_MAX {
        return Err(not_accepted(format!(
            "the peer's text hides {} literals and its message speaks of {hidden_literals}",
            hidden.len()
        )));
    }
    check_list(&query, peer)
        .map_err(|err| not_accepted(format!("the peer's text was not accepted: {err}")))?;
    let parties = Parties {
        requester: members.1,
        other_recipient: recipients.include(Party::Responder).then_some(members.0),
    };
    let output = output::output(&query, &|side| party(side, peer));
    let planned = plan_side(tables, &query, own, members.0, parties, &output);
    let planned = planned.map_err(|err| match err {
        QueryError::Refused(refusal) => refusal,
        error => not_accepted(format!("the peer's text does not fit: {error}")),
    })?;
    let (peer_table, peer_key_columns) = peer_half(&query, peer);
    let Planned {
        side,
        facts,
        private_facts,
    } = planned;
    Ok(ResponsePlan {
        side,
        facts,
        private_facts,
        output,
        peer_table,
        peer_key_columns,
    })
}

/// Who owns the table of `side`, if the requester owns that of `requester`.
fn party(side: Side, requester: Side) -> Party {
    if side == requester {
        Party::Requester
    } else {
        Party::Responder
    }
}

/// Which of the two tables is this side's, and which the peer's.
fn sides(query: &Query, (own, peer): (&str, &str)) -> Result<(Side, Side), QueryError> {
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
        Ok((Side::First, Side::Second))
    } else if first.member.is(peer) && second.member.is(own) {
        Ok((Side::Second, Side::First))
    } else {
        Err(QueryError::subset(
            second.at,
            "a join of two tables of one member",
            format!("join a table of {own} with a table of {peer}"),
        ))
    }
}

fn check_size(canonical: &str, hidden: usize, query: &Query) -> Result<(), QueryError> {
    let at = query.tables[0].at;
    if canonical.len() > limits::QUERY_BYTES_MAX {
        return Err(QueryError::subset(
            at,
            format!("a query of {} bytes in canonical form", canonical.len()),
            format!("stay within {} bytes", limits::QUERY_BYTES_MAX),
        ));
    }
    if hidden > limits::HIDDEN_LITERALS_MAX {
        return Err(QueryError::subset(
            at,
            format!("a query with {hidden} constants on the own side"),
            format!("use at most {}", limits::HIDDEN_LITERALS_MAX),
        ));
    }
    Ok(())
}

/// The peer reads the canonical text, which can be nested more deeply than what was written.
fn check_again(canonical: &str, query: &Query) -> Result<(), QueryError> {
    match parse::read(canonical, Author::Peer) {
        Ok(_) => Ok(()),
        Err(_) => Err(QueryError::subset(
            query.tables[0].at,
            "deep nesting",
            "write fewer NOTs and parentheses inside each other",
        )),
    }
}

/// A list shows values of the requester's own key: the other side's stay where they are.
fn check_list(query: &Query, requester: Side) -> Result<(), QueryError> {
    match query.list.iter().find(|column| column.side != requester) {
        None => Ok(()),
        Some(column) => Err(QueryError::subset(
            column.at,
            "a list of the other member's identifiers",
            "select the own table's key columns",
        )),
    }
}

/// Tells the analyst about names that do not exist in the own table, which a peer never learns.
fn check_names(tables: &Tables, query: &Query, own: Side) -> Result<(), QueryError> {
    let Lookup::Served(state) = tables.lookup(&query.tables[own.index()].table.0) else {
        return Ok(());
    };
    let (key, filters) = side::columns_used(query, own);
    let put_out = side::columns_put_out(query, own);
    for column in key.into_iter().chain(filters).chain(put_out) {
        if let Err(reason) = state.table.source.column(&column.name.0) {
            return Err(no_column(column, reason));
        }
    }
    Ok(())
}

fn plan_side(
    tables: &Tables,
    query: &Query,
    own: Side,
    member: &str,
    parties: Parties<'_>,
    output: &OutputPlan,
) -> Result<Planned, QueryError> {
    let name = &query.tables[own.index()].table.0;
    match tables.lookup(name) {
        Lookup::Served(state) => side::plan(query, own, member, parties, output, &state),
        Lookup::NotServed(reason) => Err(QueryError::Refused(unavailable(&reason))),
        Lookup::Unknown => {
            let question = Question {
                table: name.clone(),
                ..Question::default()
            };
            match policy::evaluate(&question, None) {
                Err(refusal) => Err(QueryError::Refused(refusal)),
                // The policy refuses every table that it does not list.
                Ok(_) => Err(QueryError::Refused(not_accepted(
                    "no such table".to_owned(),
                ))),
            }
        }
    }
}

fn peer_half(query: &Query, peer: Side) -> (String, Vec<String>) {
    let (key, _) = side::columns_used(query, peer);
    let columns = key
        .into_iter()
        .map(|column| column.name.0.clone())
        .collect();
    (query.tables[peer.index()].table.0.clone(), columns)
}

/// Placeholders stand for all of the requester's literals and for none of this side's.
fn check_hidden(query: &Query, own: Side) -> Result<(), Refusal> {
    let mut fits = true;
    for conjunct in &query.conjuncts {
        let hidden_side = conjunct.side != own;
        conjunct.predicate.literals(&mut |literal| {
            fits &= (literal.value == LiteralValue::Hidden) == hidden_side;
        });
    }
    if fits {
        return Ok(());
    }
    Err(not_accepted(
        "a literal is hidden or shown on the wrong side".to_owned(),
    ))
}

fn unavailable(reason: &Unavailable) -> Refusal {
    Refusal {
        code: Code::Unavailable,
        rule: format!("table.{}", reason.table),
        sentence: format!("the table {} is not served: {}", reason.table, reason.what),
        remedy: reason.remedy.clone(),
    }
}

fn not_accepted(sentence: String) -> Refusal {
    Refusal {
        code: Code::QueryNotAccepted,
        rule: "sql".to_owned(),
        sentence,
        remedy: "see docs/sql for what a query may look like; both nodes need the same version"
            .to_owned(),
    }
}
