//! Planning a request from the analyst's text.
//!
//! Spec 10 §3.3 and §5. The analyst hears what is wrong with the text and with names in it.

use psi_core::limits;
use psi_core::spec::{Party, Recipients};

use super::half::{PeerHalf, Sides, check_list, party, peer_half, plan_side, sides};
use super::output;
use super::side::{self, ColumnsUsed, Planned};
use super::{HiddenLiteral, MemberNames, RequestPlan};
use crate::error::QueryError;
use crate::policy::Question;
use crate::policy::compared::{compared, nearly_listed};
use crate::policy::question::Parties;
use crate::source::conditions::no_column;
use crate::sql::ast::{ColumnRef, Query, Side};
use crate::sql::canonical::{self, typed_literal};
use crate::sql::parse::{self, Author};
use crate::tables::table::{Lookup, Tables};

/// Plans the analyst's query. `members` are the names of this side and of the peer.
pub(crate) fn request(
    tables: &Tables,
    sql: &str,
    members: MemberNames<'_>,
    recipients: Recipients,
) -> Result<RequestPlan, QueryError> {
    let query = parse::read(sql, Author::Own)?;
    let Sides { own, peer } = sides(&query, members)?;
    let (canonical, hidden) = canonical::print(&query, own);
    check_size(&canonical, hidden.len(), &query)?;
    check_again(&canonical, &query)?;
    check_list(&query, own)?;
    check_names(tables, &query, own)?;
    let parties = Parties {
        requester: members.own,
        other_recipient: recipients.include(Party::Responder).then_some(members.peer),
    };
    let output = output::output(&query, &|side| party(side, own));
    let planned = plan_side(tables, &query, own, members.own, parties, &output)?;
    let hidden = hidden
        .into_iter()
        .map(|literal| HiddenLiteral::new(typed_literal(&literal.value)))
        .collect();
    let PeerHalf {
        table: peer_table,
        key_columns: peer_key_columns,
    } = peer_half(&query, peer);
    let as_written = |column: &ColumnRef| column.name.0.clone();
    let peer_question = Question::of(&query, peer, parties, &peer_table, None, &as_written);
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
        peer_question,
        peer_compared: compared(&query, peer),
        slips: slips(tables, &query, own),
    })
}

/// Literals of this side that are nearly a group which its configuration lists.
fn slips(tables: &Tables, query: &Query, own: Side) -> Vec<String> {
    let Lookup::Served(state) = tables.lookup(&own.of(&query.tables).table.0) else {
        return Vec::new();
    };
    let dimensions = state.config.dimension.iter();
    let dimensions = dimensions.map(|(name, values)| {
        let labels = values.iter().map(crate::DomainValue::label);
        (name.as_str(), labels.collect())
    });
    nearly_listed(state.name, &compared(query, own), &dimensions)
}

/// The table of this side that a query names, served or not.
pub(crate) fn own_table(
    sql: &str,
    author: Author,
    members: MemberNames<'_>,
) -> Result<String, QueryError> {
    let query = parse::read(sql, author)?;
    let Sides { own, .. } = sides(&query, members)?;
    Ok(own.of(&query.tables).table.0.clone())
}

fn check_size(canonical: &str, hidden: usize, query: &Query) -> Result<(), QueryError> {
    let at = Side::First.of(&query.tables).at;
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
            format!("a query with {hidden} constants on your side"),
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
            Side::First.of(&query.tables).at,
            "deep nesting",
            "write fewer NOTs and parentheses inside each other",
        )),
    }
}

/// Tells the analyst about names that do not exist in this node's table, which a peer never learns.
fn check_names(tables: &Tables, query: &Query, own: Side) -> Result<(), QueryError> {
    let Lookup::Served(state) = tables.lookup(&own.of(&query.tables).table.0) else {
        return Ok(());
    };
    let ColumnsUsed { key, filters } = side::columns_used(query, own);
    let put_out = side::columns_put_out(query, own);
    for column in key.into_iter().chain(filters).chain(put_out) {
        if let Err(reason) = state.table.source.column(&column.name.0) {
            return Err(no_column(&state.table.source, column, reason));
        }
    }
    Ok(())
}
