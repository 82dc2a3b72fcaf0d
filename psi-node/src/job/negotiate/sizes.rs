//! Whether this node serves a job of the sizes that follow from both sides' registered numbers.
//!
//! Spec 09 §4. The peer's facts decide sizes too, so a node bounds what follows from them before it
//! signs, by its own configuration. Called by both sides of a job; touches no data.

use aggregator::Refusal;
use psi_core::spec::{JobSpec, MatchSpec, PartSize, Party};
use psi_core::{Code, limits};

use crate::job::context::JobContext;
use crate::job::failure::Failure;
use crate::transfer_size::{match_bits_bytes, transfer_rows};

/// Rows of a transfer that count as one identity, each for every [`ROW_COMPONENTS`] numbers or part
/// of them. Such a row takes less than a microsecond of both sides together and an identity more
/// than fourteen, so sixteen cost less time than the identity. A match of one part always fits.
const ROWS_PER_IDENTITY: u64 = 16;

/// See [`ROWS_PER_IDENTITY`].
const ROW_COMPONENTS: u64 = 16;

/// Points that a match may have, both lists together with dummies and parts, for each identity that a
/// side may register.
const POINTS_PER_IDENTITY: u64 = 4;

/// Dummies that all parts of a match may have together however few identities are registered.
const DUMMIES_ALWAYS: u64 = 65_536;

/// Identities of either side for each of this node's largest table, where the owner does not say.
const IDENTITIES_PER_OWN: u64 = 100;

/// The least that follows from a small table: a few seconds of one processor, and what a small owner
/// needs who asks a large one.
const IDENTITIES_LEAST: u64 = 1_000_000;

/// Refuses a job whose lists this node does not want to hold, by their registered sizes.
pub(in crate::job) fn check(ctx: &JobContext, spec: &JobSpec, own: Party) -> Result<(), Failure> {
    let tables = ctx.catalog.tables();
    let keys = tables.iter().flat_map(|table| &table.keys);
    let largest = keys.map(|key| key.identities).max().unwrap_or_default();
    let derived = match own {
        // The asker knows what it asks for.
        Party::Requester => limits::IDENTITIES_MAX,
        Party::Responder => identities_max_of(largest),
    };
    SizesServed {
        identities_max: ctx.config.identities_max.unwrap_or(derived),
        match_bits_max: ctx.lists.match_bits_max(),
    }
    .check(spec, own)
}

/// The most identities that either side of a peer's question may register at a node whose largest
/// table has `largest`, and whose owner does not say.
fn identities_max_of(largest: u64) -> u64 {
    let derived = largest.saturating_mul(IDENTITIES_PER_OWN);
    derived.max(IDENTITIES_LEAST)
}

/// What a node serves.
#[derive(Clone, Copy, Debug)]
struct SizesServed {
    /// Identities that either side may register, and that the parts of a match may together.
    identities_max: u64,
    /// Bytes that the match bits of one job may take.
    match_bits_max: u64,
}

impl SizesServed {
    /// Refuses a job that asks for more.
    fn check(&self, spec: &JobSpec, own: Party) -> Result<(), Failure> {
        let sides = [&spec.requester.facts, &spec.responder.facts];
        for facts in sides {
            let table = format!("`{}.{}` registers", facts.member, facts.table);
            self.check_identities(&table, facts.identities)?;
        }
        for one in spec.matches() {
            let identities = one.parts.iter().map(|part: &PartSize| part.identities);
            let identities = identities.fold(0, u64::saturating_add);
            let parts = format!("the {} parts of one match register", one.parts.len());
            self.check_identities(&parts, identities)?;
            self.check_points(&one)?;
            check_dummies(spec, &one)?;
            self.check_rows(&one)?;
        }
        let bits = match_bits_bytes(spec, own);
        if bits > self.match_bits_max {
            let most = self.match_bits_max;
            return Err(refusal(
                "memory_limit",
                format!("the match bits take {bits} bytes, and this node keeps at most {most}"),
                "raise `memory_limit` in node.toml, and `list_memory` if it is set, or group by fewer values",
            ));
        }
        Ok(())
    }

    fn check_identities(&self, who: &str, identities: u64) -> Result<(), Failure> {
        let limit = self.identities_max;
        if identities <= limit {
            return Ok(());
        }
        Err(refusal(
            "identities_max",
            format!("{who} {identities} identities, and this node serves at most {limit}"),
            "raise `identities_max` in node.toml if time and disk allow",
        ))
    }

    fn check_points(&self, one: &MatchSpec) -> Result<(), Failure> {
        let receiver = one.parts.iter().map(PartSize::points);
        let points = receiver.fold(one.sender_size, u64::saturating_add);
        let limit = self.identities_max.saturating_mul(POINTS_PER_IDENTITY);
        if points <= limit {
            return Ok(());
        }
        Err(refusal(
            "identities_max",
            format!(
                "both lists of one match have {points} points, dummies included, and this node serves \
                 at most {limit}, {POINTS_PER_IDENTITY} for each of `identities_max`"
            ),
            "ask with a larger epsilon or fewer groups, or raise `identities_max` in node.toml",
        ))
    }

    fn check_rows(&self, one: &MatchSpec) -> Result<(), Failure> {
        let weight = (one.payload.width()).div_ceil(ROW_COMPONENTS);
        let rows = transfer_rows(one).saturating_mul(weight);
        let limit = self.identities_max.saturating_mul(ROWS_PER_IDENTITY);
        if rows <= limit {
            return Ok(());
        }
        Err(refusal(
            "identities_max",
            format!(
                "the transfer has {rows} rows of at most {ROW_COMPONENTS} numbers, and this node \
                 serves at most {limit}, {ROWS_PER_IDENTITY} for each of `identities_max`"
            ),
            "group by fewer values, or raise `identities_max` in node.toml if time and disk allow",
        ))
    }
}

/// Refuses more dummies than there are persons to hide: they cost both sides as much as these.
fn check_dummies(spec: &JobSpec, one: &MatchSpec) -> Result<(), Failure> {
    let dummies = one.parts.iter().map(|part| part.dummies);
    let dummies = dummies.fold(0, u64::saturating_add);
    let limit = spec.half(one.receiver).facts.identities.max(DUMMIES_ALWAYS);
    if dummies <= limit {
        return Ok(());
    }
    Err(refusal(
        "dummies",
        format!("the parts of one match have {dummies} dummies, and at most {limit} are served"),
        "ask with a larger epsilon, or group by fewer values",
    ))
}

fn refusal(rule: &str, sentence: String, remedy: &str) -> Failure {
    Failure::OwnRefusal(Refusal {
        code: Code::SizeNotServed,
        rule: rule.into(),
        sentence,
        remedy: remedy.into(),
    })
}

#[cfg(test)]
mod tests {
    use psi_core::facts::{GroupFacts, LabelKind, TableFacts, ValueFacts};
    use psi_core::spec::{
        Agreement, AskedMode, CollabId, Form, Half, Recipients, RevisionHash, Shape, SideShape,
        ValueShape,
    };

    use super::*;
    use crate::facts_fixture::facts;

    const IDENTITIES: u64 = 1_000;

    fn half(node: u8, groups: Vec<GroupFacts>, values: Vec<ValueFacts>) -> Half {
        Half {
            node_id: [node; 32].into(),
            nonce: [node; 32].into(),
            facts: TableFacts {
                result_to_both: false,
                groups,
                values,
                ..facts(&format!("member{node}"), IDENTITIES, 1)
            },
        }
    }

    /// A sum of the responder's column by `parts` groups of the requester, each of which is said
    /// to be as large as the whole table.
    fn sum_by_group(parts: usize) -> JobSpec {
        let group = GroupFacts {
            labels: LabelKind::Integer,
            values: (1..parts).map(|label| label.to_string()).collect(),
            identities: vec![IDENTITIES; parts],
        };
        let value = ValueFacts {
            whole: true,
            decimals: 0,
            nullable: false,
            clamp: None,
            sum_bound: 1,
            squares_bound: 1,
        };
        let asked = ValueShape {
            sum: true,
            ..ValueShape::default()
        };
        let agreement = Agreement {
            revision: RevisionHash([8; 32]),
            mode: AskedMode::Exact,
            collab_id: CollabId([1; 32]),
            query: "SELECT …".into(),
            hidden: Vec::new(),
            shape: Shape {
                rows: false,
                form: Form::Join,
                requester: SideShape {
                    groups: 1,
                    values: Vec::new(),
                },
                responder: SideShape {
                    groups: 0,
                    values: vec![asked],
                },
            },
            recipients: Recipients::Requester,
            requester_may_receive: true,
            responder_may_receive: true,
        };
        let halves = (
            half(1, vec![group], Vec::new()),
            half(2, Vec::new(), vec![value]),
        );
        JobSpec::assemble(agreement, halves.0, halves.1).unwrap()
    }

    fn served(identities_max: u64, match_bits_max: u64) -> SizesServed {
        SizesServed {
            identities_max,
            match_bits_max,
        }
    }

    /// The rule that refuses, and its sentence.
    fn refused(sizes: SizesServed, spec: &JobSpec, own: Party) -> (String, String) {
        match sizes.check(spec, own) {
            Err(Failure::OwnRefusal(refusal)) => {
                assert_eq!(refusal.code, Code::SizeNotServed);
                (refusal.rule, refusal.sentence)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parts_count_together_however_small_the_table_that_they_are_of() {
        let spec = sum_by_group(10);
        let own = Party::Responder;
        let (rule, sentence) = refused(served(9_999, u64::MAX), &spec, own);
        assert_eq!(rule, "identities_max");
        assert!(sentence.contains("10000"), "{sentence}");
        served(10_000, u64::MAX).check(&spec, own).unwrap();
    }

    #[test]
    fn rows_of_a_transfer_count_where_parts_are_small_and_many() {
        let mut spec = sum_by_group(100);
        for part in &mut spec.parts {
            (part.identities, part.canaries) = (1, 0);
        }
        let own = Party::Responder;
        // 100 parts times 1,000 positions, 16 of which count as an identity.
        let (rule, sentence) = refused(served(6_249, u64::MAX), &spec, own);
        assert_eq!(rule, "identities_max");
        assert!(sentence.contains("100000"), "{sentence}");
        served(6_250, u64::MAX).check(&spec, own).unwrap();
        spec.payload.components.clear();
        served(IDENTITIES, u64::MAX).check(&spec, own).unwrap();
    }

    #[test]
    fn dummies_count_like_persons_however_small_the_table() {
        let mut spec = sum_by_group(4);
        for part in &mut spec.parts {
            (part.canaries, part.dummies) = (0, 16_385);
        }
        let own = Party::Responder;
        let (rule, sentence) = refused(served(u64::MAX, u64::MAX), &spec, own);
        assert_eq!(rule, "dummies");
        assert!(sentence.contains("65540"), "{sentence}");
        for part in &mut spec.parts {
            part.dummies = 16_384;
        }
        // 4 times 17,384 points in parts, and those of the Sender, who pads for each dummy.
        let points: u64 = spec.parts.iter().map(PartSize::points).sum();
        let points = points + spec.sender_size;
        let (rule, _) = refused(served((points - 1) / 4, u64::MAX), &spec, own);
        assert_eq!(rule, "identities_max");
        served(points.div_ceil(4), u64::MAX)
            .check(&spec, own)
            .unwrap();
    }

    #[test]
    fn a_node_serves_a_hundred_times_its_own_table_unless_it_says_otherwise() {
        assert_eq!(identities_max_of(50_000), 5_000_000);
        assert_eq!(identities_max_of(10), 1_000_000);
        assert_eq!(identities_max_of(u64::MAX), u64::MAX);
    }

    #[test]
    fn only_the_side_that_chooses_keeps_match_bits() {
        let spec = sum_by_group(10);
        assert_eq!(match_bits_bytes(&spec, Party::Requester), 1_250);
        assert_eq!(match_bits_bytes(&spec, Party::Responder), 0);
        let sizes = served(u64::MAX, 1_249);
        let (rule, sentence) = refused(sizes, &spec, Party::Requester);
        assert_eq!(rule, "memory_limit");
        assert!(
            sentence.contains("1250") && sentence.contains("1249"),
            "{sentence}"
        );
        sizes.check(&spec, Party::Responder).unwrap();
        let sizes = served(u64::MAX, 1_250);
        sizes.check(&spec, Party::Requester).unwrap();
    }
}
