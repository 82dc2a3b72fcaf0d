//! Mode `dp`: what is refused, what follows from what, and what is charged.

use super::aggregates::{ALL, ASKED, ASKING, AVERAGE, Case, group, sum, value};
use crate::dp::{Amount, Delta, Epsilon};
use crate::error::{Code, Error};
use crate::facts::{Clamp, PrivacyFacts, TableFacts, ValueFacts};
use crate::limits;
use crate::messages::codec;
use crate::spec::{
    AskedMode, ComponentKind, DpTerms, JobSpec, Loss, Mode, NoiseTerms, Party, Recipients, Shape,
    ValueShape,
};

/// Epsilon in millionths, and a delta of one in a thousand million.
fn loss(epsilon: u64) -> Loss {
    Loss {
        epsilon: Epsilon::from_micros(epsilon).unwrap(),
        delta: Delta::one_in(1_000_000_000),
    }
}

pub(super) const fn facts() -> PrivacyFacts {
    PrivacyFacts {
        sizes_configured: true,
        max_rows_per_identity: None,
        max_groups_per_identity: 1,
        epsilon_max: 2_000_000,
        delta_max: 1 << 40,
    }
}

pub(super) fn clamped() -> ValueFacts {
    ValueFacts {
        clamp: Some(Clamp {
            low: -10,
            high: 1024,
        }),
        ..value()
    }
}

/// As long as they can be; not what any payload gives.
pub(super) fn largest_terms(components: usize) -> DpTerms {
    let noise = NoiseTerms {
        sensitivity: u64::MAX,
        delta: Delta(u64::MAX),
        bound: u64::MAX,
    };
    DpTerms {
        asked: loss(1_000_000),
        share: loss(1),
        dummies: u64::MAX,
        report: noise,
        components: vec![noise; components],
    }
}

/// A count with epsilon 1 in all, to the requester.
fn case() -> Case {
    let mut case = Case::new();
    case.agreement.mode = AskedMode::Dp(loss(1_000_000));
    case.change_facts(|facts_of| facts_of.privacy = Some(facts()))
}

impl Case {
    fn change_facts(mut self, change: impl Fn(&mut TableFacts)) -> Self {
        change(&mut self.asking.facts);
        change(&mut self.asked.facts);
        self
    }

    fn for_both(self) -> Self {
        self.owner_may_receive(ASKING)
            .owner_may_receive(ASKED)
            .change(|case| case.agreement.recipients = Recipients::Both)
    }
}

fn terms(case: Case) -> DpTerms {
    case.spec().dp().unwrap().clone()
}

#[test]
fn a_count_has_the_dummies_that_its_epsilon_and_delta_ask_for() {
    for (epsilon, dummies) in [(1_000_000, 40), (500_000, 78), (100_000, 356)] {
        let asked = AskedMode::Dp(loss(epsilon));
        let spec = case().change(|case| case.agreement.mode = asked).spec();
        let terms = spec.dp().unwrap();
        assert_eq!(terms.dummies, dummies);
        assert_eq!((terms.asked, terms.share), (loss(epsilon), loss(epsilon)));
        assert_eq!(terms.components, []);
        assert_eq!(spec.mode.asked(), asked);
        let part = spec.parts[0];
        assert_eq!((part.identities, part.dummies), (1000, dummies));
        assert_eq!(part.points(), 1000 + 1000 + dummies);
        assert_eq!(spec.sender_size, 1000 + dummies);
        let of = spec.matches().remove(0);
        assert_eq!(of.sender_identities(), 1000);
    }
}

#[test]
fn epsilon_and_delta_are_split_evenly_over_count_and_components() {
    let spec = case()
        .value(
            ASKED,
            AVERAGE,
            ValueFacts {
                nullable: true,
                ..clamped()
            },
        )
        .group(ASKED, group(&["a", "b"], &[5, 5, 5]))
        .group(ASKING, group(&["x"], &[5, 5]))
        .spec();
    let terms = spec.dp().unwrap();
    // Identities, Count and Sum, whatever the number of blocks and parts.
    assert_eq!(terms.share.epsilon.micros(), 250_000);
    assert_eq!(terms.share.delta.0, loss(1).delta.0 / 4);
    let sensitivities = terms.components.iter().map(|of| of.sensitivity);
    assert_eq!(sensitivities.collect::<Vec<_>>(), [1, 1, 1024]);
    assert_eq!(terms.report.sensitivity, 1);
    let dummies = terms.dummies;
    assert!(dummies > 156, "{dummies}");
    assert!(spec.parts.iter().all(|part| part.dummies == dummies));
    assert_eq!(spec.sender_size, 1000 + 2 * dummies);
}

#[test]
fn sensitivity_grows_with_the_groups_of_one_identity_and_not_beyond_those_there_are() {
    let varying = |most, labels: &[&str]| {
        let limit = |facts: &mut TableFacts| {
            facts.privacy = Some(PrivacyFacts {
                max_rows_per_identity: Some(32),
                max_groups_per_identity: most,
                ..super::privacy::facts()
            });
        };
        let case = case().value(ASKED, AVERAGE, clamped());
        let case = case.group(ASKED, group(labels, &[])).repeats(ASKED, 32);
        terms(case.change_facts(limit))
    };
    let of = |terms: DpTerms| -> Vec<(u64, u64)> {
        let all = terms.components.iter();
        all.map(|of| (of.sensitivity, of.delta.0)).collect()
    };
    // Identities, Rows, Sum.
    assert_eq!(of(varying(1, &["a", "b"])), [(1, 1), (32, 1), (1024, 1)]);
    assert_eq!(of(varying(2, &["a", "b"])), [(2, 2), (32, 2), (2048, 2)]);
    assert_eq!(of(varying(200, &["a"])), [(2, 2), (32, 2), (2048, 2)]);
    // Where no identity is in two groups, the limit changes nothing.
    let constant = case()
        .value(ASKED, sum(), clamped())
        .group(ASKED, group(&["a"], &[5, 5]));
    let constant = constant.change_facts(|facts| {
        let privacy = facts.privacy.as_mut().unwrap();
        privacy.max_groups_per_identity = 7;
    });
    assert_eq!(of(terms(constant)), [(1, 1), (1024, 1)]);
}

#[test]
fn what_has_no_differential_privacy_is_refused_with_its_own_code() {
    let summed = || case().value(ASKED, sum(), clamped());
    assert!(summed().assemble().is_ok());
    for (code, case) in [
        (
            Code::VarianceNotPrivate,
            case().value(ASKED, ALL, clamped()),
        ),
        (Code::ClampRequired, case().value(ASKED, sum(), value())),
        (
            Code::BothSidesNotPrivate,
            summed()
                .value(ASKING, sum(), clamped())
                .owner_may_receive(ASKED),
        ),
        (
            Code::SizeNotConfigured,
            summed().change(|case| {
                case.asking.facts.privacy.as_mut().unwrap().sizes_configured = false;
            }),
        ),
        (
            Code::SizeNotConfigured,
            summed().change(|case| {
                case.asked.facts.privacy.as_mut().unwrap().sizes_configured = false;
            }),
        ),
        // Rows of one identity without a declared most, even if the table shows one.
        (
            Code::ClampRequired,
            case().value(ASKED, AVERAGE, clamped()).repeats(ASKED, 1),
        ),
        (
            Code::ClampRequired,
            summed()
                .change(|case| case.asked.facts.values[0].nullable = true)
                .repeats(ASKED, 8),
        ),
    ] {
        let error = case.assemble().unwrap_err();
        assert!(matches!(error, Error::PeerIncompatible { .. }), "{error}");
        assert_eq!(error.code(), code);
    }
    // A count of rows that are not NULL needs no clamp.
    let count = ValueShape {
        count: true,
        ..ValueShape::default()
    };
    assert!(case().value(ASKED, count, value()).assemble().is_ok());
    // Nor does a sum need the rows of an identity.
    assert!(summed().repeats(ASKED, 8).assemble().is_ok());
}

#[test]
fn no_more_is_spent_than_both_sides_allow() {
    let with = |epsilon, delta: u64, change: fn(&mut Case)| {
        case()
            .change(|case| {
                case.agreement.mode = AskedMode::Dp(Loss {
                    epsilon: Epsilon::from_micros(epsilon).unwrap(),
                    delta: Delta(delta),
                });
            })
            .change(change)
            .assemble()
            .map_err(|error| error.code())
    };
    let refused = Err(Code::EpsilonNotAllowed);
    assert!(with(2_000_000, 1 << 40, |_| {}).is_ok());
    assert_eq!(with(2_000_001, 1 << 40, |_| {}), refused);
    assert_eq!(with(2_000_000, (1 << 40) + 1, |_| {}), refused);
    for side in [ASKING, ASKED] {
        let lower = move |case: &mut Case| {
            let half = match side {
                Party::Requester => &mut case.asking,
                Party::Responder => &mut case.asked,
            };
            half.facts.privacy.as_mut().unwrap().epsilon_max = 999_999;
        };
        let of = case().change(lower).assemble().unwrap_err();
        assert_eq!(of.code(), Code::EpsilonNotAllowed);
    }
    // Nor so little that no noise is made for it.
    assert_eq!(with(1, 1, |_| {}), refused);
    assert_eq!(with(1_000_000, 0, |_| {}), refused);
}

#[test]
fn facts_about_privacy_stand_in_halves_of_this_mode_alone() {
    let without = case().change(|case| case.asked.facts.privacy = None);
    assert_eq!(without.code(), Code::SpecMismatch);
    let exact = case().change(|case| case.agreement.mode = AskedMode::Exact);
    assert_eq!(exact.code(), Code::SpecMismatch);
}

#[test]
fn facts_about_privacy_hold_their_bounds() {
    type Change = fn(&mut TableFacts);
    let changes: [(&str, Change); 6] = [
        ("no group", |facts| {
            facts.privacy.as_mut().unwrap().max_groups_per_identity = 0;
        }),
        ("many groups", |facts| {
            facts.privacy.as_mut().unwrap().max_groups_per_identity = 257;
        }),
        ("no row", |facts| {
            facts.privacy.as_mut().unwrap().max_rows_per_identity = Some(0);
        }),
        ("fewer rows than the bound", |facts| {
            facts.key_unique = false;
            facts.rows_bound = 9;
            facts.privacy.as_mut().unwrap().max_rows_per_identity = Some(8);
        }),
        ("a clamp without room", |facts| {
            facts.values[0].clamp = Some(Clamp { low: 1, high: 0 });
        }),
        ("sums beyond the clamp", |facts| {
            facts.values[0].sum_bound = 1025;
        }),
    ];
    let mut facts = case().asked.facts;
    facts.values = vec![clamped()];
    facts.validate().unwrap();
    for (what, change) in changes {
        let mut wrong = facts.clone();
        change(&mut wrong);
        let error = wrong.validate().unwrap_err();
        assert_eq!(error.code(), Code::MalformedMessage, "{what}");
    }
}

#[test]
fn sums_and_their_noise_stay_within_63_bits() {
    let with = |recipients, bound: u64| {
        let facts = ValueFacts {
            clamp: Some(Clamp {
                low: 0,
                high: i64::try_from(bound).unwrap(),
            }),
            sum_bound: bound,
            ..value()
        };
        let case = case().value(ASKED, sum(), facts).owner_may_receive(ASKING);
        case.change(|case| case.agreement.recipients = recipients)
            .assemble()
    };
    let reach = |spec: &JobSpec, sides: u128| {
        let noise = u128::from(spec.dp().unwrap().components[0].bound);
        let bound = u128::from(spec.payload.components[0].bound);
        u128::from(spec.sender_size) * bound + sides * noise
    };
    for (recipients, sides) in [(Recipients::Requester, 1), (Recipients::Both, 2)] {
        // The largest power of two that is served, and the next one.
        let spec = (30..62)
            .map_while(|bits| with(recipients, 1 << bits).ok())
            .last()
            .unwrap();
        assert!(reach(&spec, sides) < 1 << 63);
        let bound = spec.payload.components[0].bound;
        let error = with(recipients, 2 * bound).unwrap_err();
        assert_eq!(error.code(), Code::SumTooLarge);
        let room = (1_u128 << 63) - reach(&spec, sides);
        assert!(room <= reach(&spec, sides), "{room}");
    }
}

#[test]
fn a_derived_parameter_that_does_not_follow_is_refused() {
    type Change = fn(&mut DpTerms);
    let changes: [(&str, Change); 10] = [
        ("asked epsilon", |of| {
            of.asked.epsilon = loss(900_000).epsilon;
        }),
        ("asked delta", |of| of.asked.delta.0 -= 1),
        ("epsilon of a share", |of| {
            of.share.epsilon = loss(400_000).epsilon;
        }),
        ("delta of a share", |of| of.share.delta.0 += 1),
        ("dummies", |of| of.dummies -= 2),
        ("report", |of| of.report.bound -= 1),
        ("no components", |of| of.components.clear()),
        ("sensitivity", |of| of.components[0].sensitivity -= 1),
        ("bound", |of| of.components[0].bound += 1),
        ("delta of noise", |of| of.components[0].delta = Delta::ZERO),
    ];
    let spec = case().value(ASKED, sum(), clamped()).spec();
    let mut names = vec![spec.job_id()];
    for (what, change) in changes {
        let mut other = spec.clone();
        let Mode::Dp(terms) = &mut other.mode else {
            panic!("the job has noise");
        };
        change(terms);
        let error = JobSpec::decode(&other.encode()).unwrap_err();
        assert_eq!(error.code(), Code::SpecMismatch, "{what}");
        assert!(!names.contains(&other.job_id()), "{what}");
        names.push(other.job_id());
    }
    let mut exact = spec.clone();
    exact.mode = Mode::Exact;
    let error = JobSpec::decode(&exact.encode()).unwrap_err();
    assert_eq!(error.code(), Code::SpecMismatch);
    let mut fewer = spec;
    fewer.parts[0].dummies -= 2;
    let error = JobSpec::decode(&fewer.encode()).unwrap_err();
    assert_eq!(error.code(), Code::SpecMismatch);
}

#[test]
fn an_epsilon_beyond_what_is_served_does_not_decode() {
    let mode = AskedMode::Dp(loss(limits::EPSILON_MICROS_MAX));
    let mut bytes = codec::encode(&mode);
    assert_eq!(hex::encode(&bytes[..4]), "00000001");
    assert_eq!(codec::decode::<AskedMode>(&bytes).unwrap(), mode);
    bytes[11] += 1;
    assert!(codec::decode::<AskedMode>(&bytes).is_err());
}

#[test]
fn each_side_is_charged_for_what_the_other_sees() {
    let (count, noise) = (loss(1).delta.0, 1);
    let debit = |micro_epsilon, delta_units| {
        Some(Amount {
            micro_epsilon,
            delta_units,
        })
    };
    let nothing = debit(0, 0);
    let all = |case: Case| {
        let spec = case.spec();
        (spec.receiver, spec.debit(ASKING), spec.debit(ASKED))
    };
    // The requester is Receiver and the only recipient: nothing of it is seen.
    let alone = all(case());
    assert_eq!(alone, (ASKING, nothing, debit(1_000_000, count)));
    let both = all(case().for_both());
    let reported = debit(1_000_000, noise);
    assert_eq!(both, (ASKING, reported, debit(1_000_000, count)));
    // The responder is Receiver, but not a recipient: it still sees the count.
    let smaller = case().change(|case| case.asked.facts.identities = 10);
    let owner = all(smaller);
    assert_eq!(owner, (ASKED, debit(1_000_000, count), reported));
    // One sum beside the count, half of all each.
    let summed = || case().value(ASKED, sum(), clamped());
    let half = count / 2;
    let alone = all(summed());
    assert_eq!(alone, (ASKING, nothing, debit(1_000_000, half + noise)));
    let both = all(summed().for_both());
    let expected = (
        ASKING,
        debit(1_000_000, 2 * noise),
        debit(1_000_000, half + noise),
    );
    assert_eq!(both, expected);
    // The Sender is the only recipient: the Receiver sees the count and no sum.
    let own = case().value(ASKING, sum(), clamped());
    let own = all(own.owner_may_receive(ASKED));
    let expected = (ASKED, debit(500_000, half), debit(1_000_000, 2 * noise));
    assert_eq!(own, expected);
    // Where identities are counted by group, no count of match bits is reported.
    let groups = summed().group(ASKED, group(&["a"], &[5, 5])).for_both();
    let (third, epsilon) = (count / 3, 333_333);
    let expected = (
        ASKING,
        debit(2 * epsilon, 2 * noise),
        debit(3 * epsilon, third + 2 * noise),
    );
    assert_eq!(all(groups), expected);
    let exact = case().change(|case| {
        case.agreement.mode = AskedMode::Exact;
        case.asking.facts.privacy = None;
        case.asked.facts.privacy = None;
    });
    assert_eq!(all(exact), (ASKING, None, None));
}

/// The bytes of everything that the mode adds to a specification, field by field.
#[test]
fn terms_have_the_documented_bytes() {
    let spec = case().value(ASKED, sum(), clamped()).spec();
    let terms = spec.dp().unwrap();
    assert_eq!(terms.components[0].sensitivity, 1024);
    let components = spec.payload.find(ComponentKind::Sum(0));
    assert_eq!(components, Some(0));
    let text = [
        "00000001".into(),                      // Dp
        "00000000000f4240".into(),              // asked: epsilon
        format!("{:016x}", 18_446_744_074_u64), // delta, 10^-9 in units of 2^-64, rounded upward
        "000000000007a120".into(),              // share: epsilon
        format!("{:016x}", 9_223_372_037_u64),  // delta
        format!("{:016x}", terms.dummies),
        "0000000000000001".into(), // report: sensitivity
        "0000000000000001".into(), // delta
        format!("{:016x}", terms.report.bound),
        "0000000000000001".into(), // number of components
        "0000000000000400".into(), // sensitivity
        "0000000000000001".into(), // delta
        format!("{:016x}", terms.components[0].bound),
    ];
    let bytes = hex::encode(spec.encode());
    assert!(bytes.contains(&text.concat()), "{bytes}");
    // The scale is 2048: the noise has as many bits as 47.5 times that.
    assert_eq!(terms.components[0].bound, (1 << 17) - 1);
    // At the end of a half.
    let privacy = concat!(
        "01",               // present
        "01",               // sizes_configured
        "00",               // no most of rows
        "00000001",         // groups
        "00000000001e8480", // epsilon_max
        "0000010000000000", // delta_max
    );
    assert_eq!(bytes.matches(privacy).count(), 2);
}

#[test]
fn a_list_is_no_answer_with_noise_whoever_assembles_it() {
    let listing = |case: Case| case.change(|case| case.agreement.shape = Shape::list());
    assert_eq!(listing(case()).code(), Code::FormNotAllowed);
    // Before anything else that mode `dp` would ask of the tables.
    let bare = listing(case()).change_facts(|facts| facts.privacy = None);
    assert_eq!(bare.code(), Code::FormNotAllowed);
    // A peer's specification, or one on a receipt, that says both.
    let mut spec = case().spec();
    spec.shape = Shape::list();
    let error = JobSpec::decode(&spec.encode()).unwrap_err();
    assert_eq!(error.code(), Code::FormNotAllowed);
}
