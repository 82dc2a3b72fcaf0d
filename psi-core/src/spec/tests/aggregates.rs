//! Sums and groups: roles, matches, parts, payload, bounds.

use super::{agreement, half};
use crate::error::{Code, Error};
use crate::facts::{GroupFacts, LabelKind, TableFacts, ValueFacts};
use crate::limits;
use crate::spec::{
    Agreement, Component, ComponentKind, Half, JobSpec, PartSize, Party, Payload, Recipients,
    Shape, SideShape, ValueShape,
};

/// A group expression with text labels; sizes with `other` last, or none.
pub(super) fn group(values: &[&str], identities: &[u64]) -> GroupFacts {
    GroupFacts {
        labels: LabelKind::Text,
        values: values.iter().map(ToString::to_string).collect(),
        identities: identities.to_vec(),
    }
}

pub(super) fn value() -> ValueFacts {
    ValueFacts {
        whole: true,
        decimals: 0,
        nullable: false,
        clamp: None,
        sum_bound: 1024,
        squares_bound: 4096,
    }
}

pub(super) fn sum() -> ValueShape {
    ValueShape {
        sum: true,
        ..ValueShape::default()
    }
}

/// As many groups and bytes of labels as one side can have.
pub(super) fn largest_groups() -> Vec<GroupFacts> {
    let columns = limits::GROUP_COLUMNS_MAX;
    let values = limits::GROUP_VALUES_MAX / columns - 1;
    let bytes = limits::GROUP_LABEL_BYTES_MAX / (columns * values);
    (0..columns)
        .map(|_| GroupFacts {
            labels: LabelKind::Text,
            values: (0..values)
                .map(|i| format!("{i:x>bytes$}", bytes = bytes.min(limits::NAME_BYTES_MAX)))
                .collect(),
            identities: vec![limits::IDENTITIES_MAX; values + 1],
        })
        .collect()
}

pub(super) const ALL: ValueShape = ValueShape {
    count: true,
    sum: true,
    squares: true,
};

pub(super) const AVERAGE: ValueShape = ValueShape {
    count: true,
    sum: true,
    squares: false,
};

/// A question, and the two sides' facts, before a test changes them.
pub(super) struct Case {
    pub(super) agreement: Agreement,
    pub(super) asking: Half,
    pub(super) asked: Half,
}

impl Case {
    pub(super) fn new() -> Self {
        Self {
            agreement: Agreement {
                shape: Shape::default(),
                recipients: Recipients::Requester,
                ..agreement()
            },
            asking: half(1, 1000),
            asked: half(2, 1000),
        }
    }

    pub(super) fn side(&mut self, party: Party) -> (&mut SideShape, &mut TableFacts) {
        match party {
            Party::Requester => (&mut self.agreement.shape.requester, &mut self.asking.facts),
            Party::Responder => (&mut self.agreement.shape.responder, &mut self.asked.facts),
        }
    }

    pub(super) fn value(mut self, party: Party, asked: ValueShape, facts: ValueFacts) -> Self {
        let (shape, of_side) = self.side(party);
        shape.values.push(asked);
        of_side.values.push(facts);
        self
    }

    pub(super) fn group(mut self, party: Party, facts: GroupFacts) -> Self {
        let (shape, of_side) = self.side(party);
        shape.groups += 1;
        of_side.groups.push(facts);
        self
    }

    pub(super) fn repeats(mut self, party: Party, rows: u64) -> Self {
        let (_, facts) = self.side(party);
        facts.key_unique = false;
        facts.rows_bound = rows;
        self
    }

    pub(super) fn owner_may_receive(mut self, party: Party) -> Self {
        self.side(party).1.owner_may_receive = true;
        self
    }

    pub(super) fn change(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub(super) fn assemble(self) -> Result<JobSpec, Error> {
        let spec = JobSpec::assemble(self.agreement, self.asking, self.asked)?;
        assert_eq!(JobSpec::decode(&spec.encode()).unwrap(), spec);
        Ok(spec)
    }

    pub(super) fn spec(self) -> JobSpec {
        self.assemble().unwrap()
    }

    pub(super) fn code(self) -> Code {
        self.assemble().unwrap_err().code()
    }
}

pub(super) const ASKING: Party = Party::Requester;
pub(super) const ASKED: Party = Party::Responder;

fn kinds(payload: &Payload) -> Vec<(ComponentKind, u64)> {
    let kinds = payload.components.iter();
    kinds
        .map(|Component { kind, bound }| (*kind, *bound))
        .collect()
}

#[test]
fn the_owner_of_a_summed_column_is_sender_whatever_the_preferences() {
    for prefers in [ASKING, ASKED] {
        let spec = Case::new()
            .value(ASKED, sum(), value())
            .change(|case| case.side(prefers).1.prefer_receiver = true)
            .change(|case| case.asked.facts.identities = 5)
            .spec();
        assert_eq!(spec.receiver, ASKING);
        assert_eq!((spec.sender_size, spec.second), (5, None));
        assert_eq!(kinds(&spec.payload), [(ComponentKind::Sum(0), 1024)]);
        assert_eq!((spec.payload.groups, spec.payload.width()), (1, 1));
    }
}

#[test]
fn a_recipient_does_not_get_sums_of_its_own_columns_unless_the_other_table_says_so() {
    let own = || Case::new().value(ASKING, sum(), value());
    assert_eq!(own().code(), Code::OwnerNotAllowed);
    // Its own consent is not the other side's.
    assert_eq!(
        own().owner_may_receive(ASKING).code(),
        Code::OwnerNotAllowed
    );
    assert_eq!(own().owner_may_receive(ASKED).spec().receiver, ASKED);
    // With both as recipients, the owner is one of them.
    let both = || {
        Case::new()
            .value(ASKED, sum(), value())
            .change(|case| case.agreement.recipients = Recipients::Both)
    };
    assert_eq!(both().code(), Code::OwnerNotAllowed);
    assert_eq!(both().owner_may_receive(ASKING).spec().receiver, ASKING);
}

#[test]
fn a_receiver_must_be_allowed_to_receive_also_if_it_is_no_recipient() {
    let own = Case::new()
        .value(ASKING, sum(), value())
        .owner_may_receive(ASKED)
        .change(|case| case.agreement.responder_may_receive = false);
    assert_eq!(own.code(), Code::RecipientNotAllowed);
    let both = Case::new()
        .change(|case| case.agreement.recipients = Recipients::Both)
        .change(|case| case.asked.facts.result_to_both = false);
    assert_eq!(both.code(), Code::RecipientNotAllowed);
}

#[test]
fn a_sum_needs_a_unique_key_on_the_other_side_and_none_on_its_own() {
    let sum_of_asked = || Case::new().value(ASKED, sum(), value());
    assert_eq!(sum_of_asked().repeats(ASKING, 4).code(), Code::KeyNotUnique);
    let spec = sum_of_asked().repeats(ASKED, 4).spec();
    assert_eq!(kinds(&spec.payload), [(ComponentKind::Sum(0), 1024)]);
}

#[test]
fn the_side_whose_rows_repeat_is_sender_of_joined_rows() {
    let rows = || Case::new().change(|case| case.agreement.shape.rows = true);
    assert!(rows().spec().is_single_count());
    let spec = rows().repeats(ASKED, 8).spec();
    assert_eq!(spec.receiver, ASKING);
    assert_eq!(kinds(&spec.payload), [(ComponentKind::Rows, 8)]);
    assert_eq!(rows().repeats(ASKING, 8).code(), Code::OwnerNotAllowed);
    let spec = rows().repeats(ASKING, 8).owner_may_receive(ASKED).spec();
    assert_eq!(spec.receiver, ASKED);
    assert_eq!(
        rows().repeats(ASKING, 8).repeats(ASKED, 8).code(),
        Code::KeyNotUnique
    );
}

#[test]
fn only_what_cannot_be_read_elsewhere_is_a_component() {
    use ComponentKind::{Count, Identities, Rows, Squares, Sum};
    let nullable = ValueFacts {
        nullable: true,
        ..value()
    };
    let count = ValueShape {
        count: true,
        ..ValueShape::default()
    };
    let regions = || group(&["north"], &[900, 100]);
    for (case, expected) in [
        // Without NULLs and with a unique key, what is counted are identities.
        (
            Case::new().value(ASKED, AVERAGE, value()),
            vec![(Sum(0), 1024)],
        ),
        (Case::new().value(ASKED, count, value()), vec![]),
        (
            Case::new()
                .value(ASKED, AVERAGE, value())
                .repeats(ASKED, 16),
            vec![(Rows, 16), (Sum(0), 1024)],
        ),
        // A sum over NULLs alone is NULL.
        (
            Case::new()
                .value(ASKED, sum(), nullable.clone())
                .repeats(ASKED, 16),
            vec![(Count(0), 16), (Sum(0), 1024)],
        ),
        (
            Case::new()
                .value(ASKED, count, nullable)
                .value(ASKED, ALL, value())
                .group(ASKED, regions())
                .repeats(ASKED, 16),
            vec![
                (Identities, 1),
                (Rows, 16),
                (Count(0), 16),
                (Sum(1), 1024),
                (Squares(1), 4096),
            ],
        ),
    ] {
        assert_eq!(kinds(&case.spec().payload), expected);
    }
}

#[test]
fn columns_of_both_sides_take_two_matches_with_the_roles_swapped() {
    let case = || {
        Case::new()
            .value(ASKING, sum(), value())
            .value(ASKED, AVERAGE, value())
            .group(ASKED, group(&["a", "b"], &[500, 400, 300]))
            .change(|case| case.asking.facts.identities = 700)
    };
    assert_eq!(case().code(), Code::OwnerNotAllowed);
    let spec = case().owner_may_receive(ASKED).spec();
    let [first, second] = <[_; 2]>::try_from(spec.matches()).unwrap();
    assert_eq!((first.receiver, second.receiver), (ASKING, ASKED));
    assert_eq!((first.sender_size, second.sender_size), (1000, 700));
    assert_eq!(first.parts, [PartSize::for_identities(700)]);
    assert_eq!(second.parts, [500, 400, 300].map(PartSize::for_identities));
    assert_eq!((first.payload.groups, first.payload.width()), (3, 6));
    assert_eq!((second.payload.groups, second.payload.width()), (1, 1));
    // Both see the count.
    let forbidden = case()
        .owner_may_receive(ASKED)
        .change(|case| case.agreement.responder_may_receive = false);
    assert_eq!(forbidden.code(), Code::RecipientNotAllowed);
    assert_eq!(
        case().owner_may_receive(ASKED).repeats(ASKED, 2).code(),
        Code::KeyNotUnique
    );
}

#[test]
fn groups_of_the_receiver_are_parts_no_larger_than_any_of_their_groups() {
    let spec = Case::new()
        .value(ASKED, sum(), value())
        .group(ASKING, group(&["a"], &[700, 2000]))
        .group(ASKING, group(&["x", "y"], &[10, 800, 3]))
        .group(ASKED, group(&["n"], &[1, 1]))
        .spec();
    let sizes: Vec<u64> = spec.parts.iter().map(|part| part.identities).collect();
    assert_eq!(sizes, [10, 700, 3, 10, 800, 3]);
    assert_eq!(spec.receiver_size(), 74 + 1400 + 67 + 74 + 1600 + 67);
    assert_eq!(spec.payload.groups, 2);
}

#[test]
fn where_the_choice_is_free_the_groups_become_parts() {
    let grouped = |party| Case::new().group(party, group(&["a"], &[900, 900]));
    assert_eq!(grouped(ASKED).spec().receiver, ASKED);
    assert_eq!(grouped(ASKING).spec().receiver, ASKING);
    assert!(grouped(ASKED).spec().payload.components.is_empty());
    let cross = grouped(ASKED).group(ASKING, group(&["b"], &[5, 5]));
    let spec = cross
        .change(|case| case.asked.facts.prefer_receiver = true)
        .spec();
    assert_eq!(spec.receiver, ASKING);
    assert_eq!(kinds(&spec.payload), [(ComponentKind::Identities, 1)]);
    // A responder that may not receive keeps its groups in the payload.
    let spec = grouped(ASKED)
        .change(|case| case.agreement.responder_may_receive = false)
        .spec();
    assert_eq!((spec.receiver, spec.parts.len()), (ASKING, 1));
    assert_eq!(spec.payload.groups, 2);
}

#[test]
fn a_side_whose_groups_are_not_constant_per_identity_is_sender() {
    let varying = |case: Case, party| case.group(party, group(&["jan"], &[])).repeats(party, 32);
    let spec = varying(Case::new(), ASKED).spec();
    assert_eq!((spec.receiver, spec.payload.groups), (ASKING, 2));
    let both = varying(varying(Case::new(), ASKED), ASKING);
    assert_eq!(both.code(), Code::GroupNotConstant);
}

#[test]
fn a_sum_over_the_whole_list_stays_within_63_bits() {
    let with = |bound, identities| {
        let facts = ValueFacts {
            sum_bound: bound,
            ..value()
        };
        Case::new()
            .value(ASKED, sum(), facts)
            .change(|case| case.asked.facts.identities = identities)
    };
    assert!(with(i64::MAX as u64, 1).assemble().is_ok());
    assert!(with((1 << 43) - 1, 1 << 20).assemble().is_ok());
    assert_eq!(with(1 << 43, 1 << 20).code(), Code::SumTooLarge);
    assert_eq!(
        with(i64::MAX as u64, limits::IDENTITIES_MAX).code(),
        Code::SumTooLarge
    );
    let error = with(1 << 43, 1 << 20).assemble().unwrap_err();
    assert!(error.to_string().contains("9223372036854775808"), "{error}");
}

#[test]
fn more_parts_or_components_than_are_served_are_refused_with_the_figure() {
    let labels: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    let wide = |len: usize| group(&labels[..len - 1], &vec![5; len]);
    let parts = |a, b| {
        Case::new()
            .group(ASKING, wide(a))
            .group(ASKING, wide(b))
            .spec()
            .parts
            .len()
    };
    assert_eq!(parts(64, 8), 512);
    let refused = |case: Case| match case.assemble().unwrap_err() {
        Error::Beyond {
            code, value, limit, ..
        } => {
            assert_eq!(code, Code::TooManyCells);
            (value, limit)
        }
        other => panic!("{other}"),
    };
    let many_parts = Case::new().group(ASKING, wide(57)).group(ASKING, wide(9));
    assert_eq!(refused(many_parts), (513, limits::PARTS_MAX));
    let blocks = |case: Case, a, b| {
        case.value(ASKED, AVERAGE, value())
            .group(ASKED, wide(a))
            .group(ASKED, wide(b))
    };
    assert!(blocks(Case::new(), 16, 8).assemble().is_ok());
    assert_eq!(
        refused(blocks(Case::new(), 43, 3)),
        (258, limits::COMPONENTS_MAX)
    );
    let cross = blocks(Case::new().group(ASKING, wide(33)), 16, 8);
    assert_eq!(refused(cross), (33 * 256, limits::CELLS_MAX));
}

#[test]
fn more_rows_of_a_transfer_than_are_served_are_refused_and_without_sums_there_is_none() {
    let with = |identities: u64, asked: &[ValueShape]| {
        let mut case = Case::new()
            .group(ASKING, group(&["a"], &[5, 5]))
            .change(|case| case.asked.facts.identities = identities);
        for value_asked in asked {
            case = case.value(ASKED, *value_asked, value());
        }
        case.assemble()
    };
    let most = limits::TRANSFER_ROWS_MAX / 2;
    assert!(with(most, &[sum()]).is_ok());
    let Err(Error::Beyond {
        code, value, limit, ..
    }) = with(most + 1, &[sum()])
    else {
        panic!("too many rows were accepted");
    };
    assert_eq!(code, Code::SizeNotServed);
    assert_eq!((value, limit), (2 * (most + 1), limits::TRANSFER_ROWS_MAX));
    assert!(with(most + 1, &[]).is_ok());
}

#[test]
fn halves_about_other_columns_than_the_shape_are_refused() {
    let more = Case::new().change(|case| case.asked.facts.values.push(value()));
    assert_eq!(more.code(), Code::SpecMismatch);
    let fewer = Case::new().change(|case| case.agreement.shape.requester.groups = 1);
    assert_eq!(fewer.code(), Code::SpecMismatch);
    for nothing in [
        ValueShape::default(),
        ValueShape {
            squares: true,
            ..ValueShape::default()
        },
        ValueShape {
            squares: true,
            ..sum()
        },
    ] {
        let case = Case::new().value(ASKED, nothing, value());
        assert_eq!(case.code(), Code::MalformedMessage);
    }
}

#[test]
fn facts_of_columns_hold_their_bounds() {
    type Change = fn(&mut TableFacts);
    let changes: [(&str, Change); 17] = [
        ("rows of no identity", |facts| facts.rows_bound = 0),
        ("rows that repeat under a unique key", |facts| {
            facts.rows_bound = 2;
        }),
        ("a varying group under a unique key", |facts| {
            facts.groups[0].identities.clear();
        }),
        ("too few sizes", |facts| {
            facts.groups[0].identities.pop();
        }),
        ("a label twice", |facts| {
            facts.groups[0].values[1] = "a".into();
        }),
        ("a label with a line end", |facts| {
            facts.groups[0].values[0] = "a\n".into();
        }),
        ("a label that turns the direction of writing", |facts| {
            facts.groups[0].values[0] = "a\u{202e}b".into();
        }),
        ("a label with a character that nobody sees", |facts| {
            facts.groups[0].values[0] = "b\u{200b}".into();
        }),
        ("the label of unlisted values", |facts| {
            facts.groups[0].values[0] = "other".into();
        }),
        ("a long label", |facts| {
            facts.groups[0].values[0] = "a".repeat(limits::NAME_BYTES_MAX + 1);
        }),
        ("a label that is not a number", |facts| {
            facts.groups[0].labels = LabelKind::Integer;
        }),
        ("a label that is not a boolean", |facts| {
            facts.groups[0].labels = LabelKind::Boolean;
        }),
        ("a label that is not a date", |facts| {
            facts.groups[0].labels = LabelKind::Date;
        }),
        ("many group columns", |facts| {
            facts.groups = vec![facts.groups[0].clone(); limits::GROUP_COLUMNS_MAX + 1];
        }),
        ("many groups", |facts| {
            facts.groups[0].values = (0..limits::GROUP_VALUES_MAX)
                .map(|n| n.to_string())
                .collect();
            facts.groups[0].identities = vec![1; limits::GROUP_VALUES_MAX + 1];
        }),
        ("a sum of nothing", |facts| facts.values[0].sum_bound = 0),
        ("too many decimals", |facts| {
            facts.values[0].decimals = limits::DECIMALS_MAX + 1;
        }),
    ];
    let mut facts = half(1, 1000).facts;
    facts.groups = vec![group(&["a", "b"], &[1, 2, 3])];
    facts.values = vec![value()];
    facts.validate().unwrap();
    for (what, change) in changes {
        let mut wrong = facts.clone();
        change(&mut wrong);
        assert_eq!(
            wrong.validate().unwrap_err().code(),
            Code::MalformedMessage,
            "{what}"
        );
    }
    facts.groups[0].identities[1] = 0;
    assert_eq!(facts.validate().unwrap_err().code(), Code::SizeNotServed);
}

/// The bytes of everything that sums and groups add to a specification, field by field.
#[test]
fn shape_payload_and_second_match_have_the_documented_bytes() {
    let spec = Case::new()
        .value(ASKING, sum(), value())
        .value(ASKED, AVERAGE, value())
        .owner_may_receive(ASKED)
        .spec();
    let text = concat!(
        "00", // rows
        "00000000",
        "0000000000000001", // requester: groups, number of values
        "00",
        "01",
        "00", // count, sum, squares
        "00000000",
        "0000000000000001", // responder
        "01",
        "01",
        "00",
    );
    let bytes = spec.encode();
    assert!(hex::encode(&bytes).contains(text));
    // From the first receiver on.
    let tail = concat!(
        "00000000",         // receiver: Requester
        "000000000000000a", // minimum
        "0000000000000001", // number of parts
        "00000000000003e8",
        "00000000000003e8",
        "0000000000000000", // identities, canaries, dummies
        "00000000000003e8", // N2
        "08",               // tag bytes
        "0000000000000001", // payload: blocks
        "0000000000000001", // components of one block
        "00000003",
        "00000000",
        "0000000000000400", // Sum of value 0, bound
        "01",               // a second match
        "00000001",         // receiver: Responder
        "0000000000000001",
        "00000000000003e8",
        "00000000000003e8",
        "0000000000000000",
        "00000000000003e8",
        "08",
        "0000000000000001",
        "0000000000000001",
        "00000003",
        "00000000",
        "0000000000000400",
    );
    assert!(
        hex::encode(&bytes).ends_with(tail),
        "{}",
        hex::encode(&bytes)
    );
}
