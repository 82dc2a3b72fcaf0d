//! Planning a response from the canonical text that the peer sent.
//!
//! Spec 10 §3.3 and §5. The text has to be exactly what this crate would print; the peer hears a code.

use psi_core::limits;
use psi_core::spec::{Party, Recipients};

use super::half::{PeerHalf, Sides, check_list, not_accepted, party, peer_half, plan_side, sides};
use super::output;
use super::side::Planned;
use super::{MemberNames, ResponsePlan};
use crate::error::{QueryError, Refusal};
use crate::policy::question::Parties;
use crate::sql::ast::{LiteralValue, Query, Side};
use crate::sql::canonical;
use crate::sql::parse::{self, Author};
use crate::tables::table::Tables;

/// Plans the peer's canonical text, in which `hidden_literals` are hidden.
pub(crate) fn response(
    tables: &Tables,
    text: &str,
    members: MemberNames<'_>,
    recipients: Recipients,
    hidden_literals: usize,
) -> Result<ResponsePlan, Refusal> {
    let query = parse::read(text, Author::Peer)
        .map_err(|err| not_accepted(format!("the peer's text was not accepted: {err}")))?;
    let Sides { own, peer } = sides(&query, members)
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
        requester: members.peer,
        other_recipient: recipients.include(Party::Responder).then_some(members.own),
    };
    let output = output::output(&query, &|side| party(side, peer));
    let planned = plan_side(tables, &query, own, members.own, parties, &output);
    let planned = planned.map_err(|err| match err {
        QueryError::Refused(refusal) => refusal,
        error => not_accepted(format!("the peer's text does not fit: {error}")),
    })?;
    let PeerHalf {
        table: peer_table,
        key_columns: peer_key_columns,
    } = peer_half(&query, peer);
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

/// Placeholders replace all of the requester's literals, and no literal of this side.
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
