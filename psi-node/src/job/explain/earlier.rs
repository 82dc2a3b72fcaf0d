//! The other side's facts without asking: from the receipts of earlier jobs, from what the other member
//! said of its tables, or supposed.

use psi_core::contact::Offer;
use psi_core::contact::offer::OfferedKey;
use psi_core::facts::TableFacts;
use psi_core::limits;
use psi_core::receipt::{Body, Entry};
use psi_core::spec::{JobSpec, SideShape};

use super::{FactsSource, Known};
use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::job::negotiate::question::OwnQuestion;

/// Entries of the log that are looked through, from the end.
const ENTRIES_MAX: u64 = 512;

/// The facts of the peer's table as this node knows or supposes them, and which of the two.
pub(super) fn facts(ctx: &JobContext, question: &OwnQuestion) -> Result<Known, Failure> {
    let known = |facts, source| Known {
        facts,
        source,
        approval: None,
    };
    let (plan, peer) = (&question.plan, &question.peer);
    if let Some(facts) = from_receipts(ctx, question)? {
        return Ok(known(Some(facts), FactsSource::EarlierJob));
    }
    let asked = &plan.output.shape.responder;
    if !is_plain(asked) {
        // Domains and bounds of columns that nobody has told cannot be supposed.
        return Ok(known(None, FactsSource::Unknown));
    }
    let supposed = TableFacts {
        member: peer.name.clone(),
        table: plan.peer_table.clone(),
        key_columns: plan.peer_key_columns.clone(),
        key_kinds: plan.facts.key_kinds.clone(),
        key_unique: true,
        identities: plan.facts.identities,
        minimum: 1,
        prefer_receiver: false,
        owner_may_receive: true,
        result_to_both: true,
        rows_bound: 1,
        groups: Vec::new(),
        values: Vec::new(),
        // As generous as this side: it has asked for no more than it allows itself.
        privacy: plan.facts.privacy,
    };
    // A state that cannot be read shows elsewhere; here it costs a figure.
    let told = ctx.state.offer(&question.collab.id()).ok().flatten();
    let offer = told.and_then(|told| told.offer);
    Ok(match offer.and_then(|offer| as_told(&supposed, &offer)) {
        Some(told) => known(Some(told), FactsSource::Told),
        None => known(Some(supposed), FactsSource::Supposed),
    })
}

/// The facts with the registered size that the other member told of the table and key, if it told one.
fn as_told(supposed: &TableFacts, offer: &Offer) -> Option<TableFacts> {
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let mut tables = offer.tables.iter();
    let table = tables.find(|table| same(&table.name, &supposed.table))?;
    let asked = &supposed.key_columns;
    let is_asked = |key: &&OfferedKey| {
        let mut columns = key.columns.iter();
        columns.len() == asked.len()
            && columns.all(|column| asked.iter().any(|asked| same(asked, &column.name)))
    };
    let size = table.keys.iter().find(is_asked)?.size?;
    if !(1..=limits::IDENTITIES_MAX).contains(&size.identities) {
        return None;
    }
    let minimum = table.rules.map_or(1, |rules| rules.minimum);
    Some(TableFacts {
        identities: size.identities,
        key_unique: size.unique,
        minimum: minimum.clamp(1, limits::IDENTITIES_MAX),
        ..supposed.clone()
    })
}

/// The newest facts about the same table and key on the receipt log. Where the query uses columns
/// of the table beside its key, only the same query brings the same facts.
fn from_receipts(ctx: &JobContext, question: &OwnQuestion) -> Result<Option<TableFacts>, Failure> {
    let OwnQuestion {
        collab, peer, plan, ..
    } = question;
    let Some(head) = ctx.state.chain_head(&collab.id())? else {
        return Ok(None);
    };
    let key_alone = is_plain(&plan.output.shape.responder);
    for seq in (head.seq.saturating_sub(ENTRIES_MAX)..=head.seq).rev() {
        let Some(stored) = ctx.state.entry(&collab.id(), seq)? else {
            continue;
        };
        let Ok(Entry {
            body: Body::Opened { spec, .. },
            ..
        }) = Entry::decode(&stored.entry)
        else {
            continue;
        };
        let Ok(spec) = JobSpec::decode(&spec) else {
            continue;
        };
        let same_query = spec.query == plan.canonical && spec.requester.node_id != peer.id;
        for half in [spec.requester, spec.responder] {
            let facts = half.facts;
            let same_key = half.node_id == peer.id
                && facts.privacy.is_some() == plan.facts.privacy.is_some()
                && facts.table == plan.peer_table
                && facts.key_columns == plan.peer_key_columns
                && facts.key_kinds == plan.facts.key_kinds;
            if !same_key {
                continue;
            }
            if same_query {
                return Ok(Some(facts));
            }
            if key_alone {
                return Ok(Some(TableFacts {
                    groups: Vec::new(),
                    values: Vec::new(),
                    ..facts
                }));
            }
        }
    }
    Ok(None)
}

/// Whether a query uses nothing of a table beside its key and filters.
fn is_plain(asked: &SideShape) -> bool {
    asked.groups == 0 && asked.values.is_empty()
}

#[cfg(test)]
mod tests {
    use psi_core::contact::offer::{OfferedKeyColumn, OfferedSize, OfferedTable};

    use super::*;
    use crate::facts_fixture::facts;

    fn offer(columns: &[&str], size: Option<OfferedSize>) -> Offer {
        let columns = columns.iter().map(|name| OfferedKeyColumn {
            name: (*name).into(),
            kind: "email".into(),
        });
        Offer {
            tables: vec![OfferedTable {
                name: "CUSTOMERS".into(),
                rule: "aggregation".into(),
                forms: vec!["join".into()],
                keys: vec![OfferedKey {
                    columns: columns.collect(),
                    size,
                }],
                filters: Vec::new(),
                dimensions: Vec::new(),
                aggregates: Vec::new(),
                templates: Vec::new(),
                rules: None,
            }],
            left_out: 0,
        }
    }

    #[test]
    fn a_registered_size_that_was_told_is_used_and_one_that_cannot_be_is_not() {
        let supposed = facts("brand", 100, 1);
        let names: Vec<&str> = supposed.key_columns.iter().map(String::as_str).collect();
        let size = |identities| {
            Some(OfferedSize {
                unique: false,
                identities,
            })
        };
        let told = as_told(&supposed, &offer(&names, size(7000))).unwrap();
        assert_eq!((told.identities, told.key_unique), (7000, false));
        assert_eq!(told.key_columns, supposed.key_columns);
        for unusable in [
            offer(&names, None),
            offer(&["another"], size(7000)),
            offer(&names, size(0)),
            offer(&names, size(u64::MAX)),
        ] {
            assert_eq!(as_told(&supposed, &unusable), None);
        }
    }
}
