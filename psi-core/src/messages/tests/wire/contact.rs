//! The messages by which two members find out whether they can work together (Spec 14).

use super::Fields;
use crate::contact::Offer;
use crate::contact::offer::{
    OfferedAggregate, OfferedDimension, OfferedFilter, OfferedKey, OfferedKeyColumn, OfferedRules,
    OfferedSize, OfferedTable,
};
use crate::messages::{Control, Ping, Pong};

pub(super) fn messages() -> Vec<(&'static str, Control, Fields)> {
    vec![
        (
            "ping",
            Control::Ping(Ping {
                version: 1,
                collab_id: [0xc0; 32].into(),
                revision: [0xc1; 32].into(),
                signature: [0x51; 64].into(),
            }),
            Fields::message(22, "Ping")
                .u16("version", 1)
                .bytes("collab_id", [0xc0; 32])
                .bytes("revision", [0xc1; 32])
                .bytes("signature", [0x51; 64]),
        ),
        (
            "pong",
            Control::Pong(Pong {
                program: "0.1.0".into(),
                clock_ms: 1_700_000_000_123,
                revision_number: 2,
                revision: [0xc1; 32].into(),
                dp: false,
                signature: [0x52; 64].into(),
            }),
            Fields::message(23, "Pong")
                .text("program", "0.1.0")
                .u64("clock_ms", 1_700_000_000_123)
                .u32("revision_number", 2, "the second")
                .bytes("revision", [0xc1; 32])
                .bool("dp", false)
                .bytes("signature", [0x52; 64]),
        ),
        (
            "ask_offer",
            Control::AskOffer {
                version: 1,
                collab_id: [0xc0; 32].into(),
            },
            Fields::message(24, "AskOffer")
                .u16("version", 1)
                .bytes("collab_id", [0xc0; 32]),
        ),
        (
            "offered_nothing",
            Control::Offered(None),
            Fields::message(25, "Offered").none("offer"),
        ),
        ("offered", Control::Offered(Some(offer())), offered()),
    ]
}

/// A table with one of everything.
pub(crate) fn offer() -> Offer {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Offer {
        tables: vec![OfferedTable {
            name: "customers".into(),
            rule: "aggregation".into(),
            forms: texts(&["join"]),
            keys: vec![OfferedKey {
                columns: vec![OfferedKeyColumn {
                    name: "email".into(),
                    kind: "email".into(),
                }],
                size: Some(OfferedSize {
                    unique: true,
                    identities: 5000,
                }),
            }],
            filters: vec![OfferedFilter {
                column: "age".into(),
                operators: texts(&["between"]),
                compare: "literals".into(),
            }],
            dimensions: vec![OfferedDimension {
                name: "region".into(),
                values: Some(texts(&["north", "south"])),
            }],
            aggregates: vec![OfferedAggregate {
                column: "amount".into(),
                functions: texts(&["sum"]),
                expressions: true,
            }],
            templates: texts(&["overlap"]),
            rules: Some(OfferedRules {
                minimum: 10,
                approval: false,
                both_may_receive: true,
                owner_may_receive: false,
                runs: [Some(50), None, None, Some(500)],
                micro_epsilon_max: None,
            }),
        }],
        left_out: 1,
    }
}

fn offered() -> Fields {
    Fields::message(25, "Offered")
        .some("offer")
        .u64("tables: count", 1)
        .text("tables.name", "customers")
        .text("tables.rule", "aggregation")
        .u64("tables.forms: count", 1)
        .text("tables.forms", "join")
        .u64("tables.keys: count", 1)
        .u64("tables.keys.columns: count", 1)
        .text("tables.keys.columns.name", "email")
        .text("tables.keys.columns.kind", "email")
        .some("tables.keys.size")
        .bool("tables.keys.size.unique", true)
        .u64("tables.keys.size.identities", 5000)
        .u64("tables.filters: count", 1)
        .text("tables.filters.column", "age")
        .u64("tables.filters.operators: count", 1)
        .text("tables.filters.operators", "between")
        .text("tables.filters.compare", "literals")
        .u64("tables.dimensions: count", 1)
        .text("tables.dimensions.name", "region")
        .some("tables.dimensions.values")
        .u64("tables.dimensions.values: count", 2)
        .text("tables.dimensions.values", "north")
        .text("tables.dimensions.values", "south")
        .u64("tables.aggregates: count", 1)
        .text("tables.aggregates.column", "amount")
        .u64("tables.aggregates.functions: count", 1)
        .text("tables.aggregates.functions", "sum")
        .bool("tables.aggregates.expressions", true)
        .u64("tables.templates: count", 1)
        .text("tables.templates", "overlap")
        .some("tables.rules")
        .u64("tables.rules.minimum", 10)
        .bool("tables.rules.approval", false)
        .bool("tables.rules.both_may_receive", true)
        .bool("tables.rules.owner_may_receive", false)
        .some("tables.rules.runs, day")
        .u64("tables.rules.runs, day", 50)
        .none("tables.rules.runs, week")
        .none("tables.rules.runs, month")
        .some("tables.rules.runs, in all")
        .u64("tables.rules.runs, in all", 500)
        .none("tables.rules.micro_epsilon_max")
        .u32("left_out", 1, "one table")
}
