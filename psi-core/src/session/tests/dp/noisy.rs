//! What is released of opened numbers with noise.

use super::{Case, Recipients, table};
use crate::session::opened::{Opened, OpenedMatch, OpenedPart};
use crate::spec::JobSpec;

/// Two parts, two groups of the Sender, and a sum.
fn cross() -> (JobSpec, i64, i64) {
    let mut case = Case::new(table(0..60, 2, 0), table(0..60, 2, 1), Recipients::Both);
    (case.asking.minimum, case.asked.minimum) = (5, 2);
    let spec = case.spec();
    let noise = &spec.dp().unwrap().components;
    let bound = |number: usize| 2 * i64::try_from(noise[number].bound).unwrap();
    let (identities, sum) = (bound(0), bound(1));
    (spec, identities, sum)
}

fn open(spec: &JobSpec, parts: [[i64; 4]; 2]) -> Opened {
    let part = |components: [i64; 4]| {
        Some(OpenedPart {
            count: 0,
            components: components.to_vec(),
        })
    };
    let matches = vec![OpenedMatch {
        parts: parts.into_iter().map(part).collect(),
    }];
    Opened::new(spec, matches, [7; 32].into())
}

fn components(opened: &Opened, part: usize) -> &[i64] {
    &opened.matches[0].parts[part].as_ref().unwrap().components
}

#[test]
fn sums_below_zero_are_shown_and_blocks_below_the_minimum_are_blank() {
    let (spec, _, sum) = cross();
    let opened = open(&spec, [[5, -sum, 4, 77], [-3, 5, 61, 0]]);
    assert!(!opened.implausible);
    assert_eq!(components(&opened, 0), [5, -sum, 0, 0]);
    assert_eq!(components(&opened, 1), [0, 0, 61, 0]);
    let shown = Some((-sum).cast_unsigned());
    assert_eq!(
        opened.cells,
        [Some(5), shown, None, None, None, None, Some(61), Some(0)]
    );
}

#[test]
fn what_no_noise_explains_is_suppressed_and_noted() {
    let (spec, identities, _) = cross();
    let fine = open(&spec, [[60 + identities, 1, -identities, 1], [9, 9, 9, 9]]);
    assert!(!fine.implausible);
    assert_eq!(components(&fine, 0), [60 + identities, 1, 0, 0]);
    for wrong in [60 + identities + 1, -identities - 1, i64::MIN, i64::MAX] {
        let opened = open(&spec, [[wrong, 1, 9, 9], [9, 9, 9, 9]]);
        assert!(opened.implausible, "{wrong}");
        assert_eq!(components(&opened, 0), [0, 0, 9, 9]);
        assert_eq!(components(&opened, 1), [9, 9, 9, 9]);
    }
}

#[test]
fn uncertainty_covers_what_each_recipient_adds() {
    let alone = Case::new(
        table(0..60, 0, 0),
        table(0..60, 0, 1),
        Recipients::Requester,
    );
    let both = Case::new(table(0..60, 0, 0), table(0..60, 0, 1), Recipients::Both);
    let [alone, both] = [alone, both].map(|case| case.spec().uncertainty().unwrap().unwrap());
    let ratio = both.components[0].std_dev / alone.components[0].std_dev;
    assert!((ratio - 2_f64.sqrt()).abs() < 1e-9, "{ratio}");
    assert!(both.count.std_dev > 1.3 * alone.count.std_dev);
    for of in [&alone.count, &both.count, &alone.components[0]] {
        assert!(of.half_width_95 > of.std_dev && of.half_width_95 < 4.0 * of.std_dev);
    }
}
