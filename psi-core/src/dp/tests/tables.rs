//! The table of `CountNoise`, against an independent computation, and what it costs by the
//! definition of differential privacy itself.

use super::reference::Wide;
use super::{billionth, count_noise, epsilon};
use crate::dp::{CountNoise, Delta, NoiseError, dummies};
use crate::limits;

/// Parameters over the range that is served: millionths of epsilon, and T.
const PARAMETERS: [(u64, u64); 9] = [
    (1, 2),
    (1, 400),
    (10_000, 3086),
    (100_000, 356),
    (500_000, 78),
    (1_000_000, 40),
    (3_141_592, 1000),
    (16_000_000, 2),
    (16_000_000, 64),
];

fn table(micros: u64, t: u64) -> (CountNoise, Vec<u128>) {
    let noise = CountNoise::new(epsilon(micros), t).unwrap();
    let table = (0..=t).map(|value| noise.probability(value)).collect();
    (noise, table)
}

#[test]
fn the_number_of_dummies_for_a_delta_of_a_billionth_is_that_of_the_readme() {
    let expected = [
        (1_000_000, 40),
        (500_000, 78),
        (100_000, 356),
        (10_000, 3086),
    ];
    for (micros, t) in expected {
        assert_eq!(dummies(epsilon(micros), billionth()), Ok(t));
        let delta = CountNoise::new(epsilon(micros), t).unwrap().delta();
        // delta ~ tanh(epsilon / 2) exp(-epsilon T / 2)
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let (e, half) = (micros as f64 / 1e6, (t / 2) as f64);
        let formula = (e / 2.0).tanh() * (-e * half).exp();
        assert!((delta.as_f64() / formula - 1.0).abs() < 1e-6, "{delta}");
    }
}

#[test]
fn the_number_of_dummies_is_the_smallest_even_one_that_costs_no_more_than_delta() {
    for micros in [2_500, 10_000, 333_333, 1_000_000, 16_000_000] {
        for delta in [Delta::one_in(100_000), billionth(), Delta(1 << 12)] {
            let t = dummies(epsilon(micros), delta).unwrap();
            assert!(CountNoise::new(epsilon(micros), t).unwrap().delta() <= delta);
            if t > 2 {
                let fewer = CountNoise::new(epsilon(micros), t - 2).unwrap();
                assert!(fewer.delta() > delta, "{micros} millionths, T = {t}");
            }
        }
    }
}

#[test]
fn parameters_that_need_too_many_dummies_are_refused_by_name() {
    for (micros, delta) in [
        (1, billionth()),
        (500, billionth()),
        (1_000_000, Delta::ZERO),
    ] {
        let refused = NoiseError::TooManyDummies {
            epsilon: epsilon(micros),
            delta,
        };
        assert_eq!(dummies(epsilon(micros), delta), Err(refused));
    }
}

#[test]
fn a_number_of_dummies_without_a_centre_or_beyond_the_limit_is_refused_by_name() {
    for t in [0, 1, 41, limits::DUMMIES_MAX + 2, u64::MAX] {
        let refused = NoiseError::DummiesNotServed { dummies: t };
        let found = CountNoise::new(epsilon(1_000_000), t);
        assert_eq!(found.err(), Some(refused));
    }
    let largest = CountNoise::new(epsilon(1_000_000), limits::DUMMIES_MAX).unwrap();
    assert_eq!(largest.dummies(), limits::DUMMIES_MAX);
}

#[test]
fn probabilities_are_symmetric_fall_from_the_centre_and_sum_to_exactly_one() {
    for (micros, t) in PARAMETERS {
        let (noise, table) = table(micros, t);
        let sum = table.iter().fold(0_u128, |sum, p| sum.wrapping_add(*p));
        let wraps = table.iter().scan(0_u128, |sum, p| {
            let (next, wrapped) = sum.overflowing_add(*p);
            *sum = next;
            Some(wrapped)
        });
        assert_eq!((sum, wraps.filter(|wrapped| *wrapped).count()), (0, 1));
        assert!(table.iter().eq(table.iter().rev()), "symmetric");
        let half = usize::try_from(noise.centre()).unwrap();
        assert!(table[..=half].is_sorted());
        assert_eq!(noise.probability(t + 1), 0);
        assert_eq!(noise.probability(u64::MAX), 0);
    }
}

#[test]
fn the_table_is_the_true_distribution_but_for_the_rounding_that_the_readme_derives() {
    for (micros, t) in PARAMETERS {
        let (_, table) = table(micros, t);
        let weight = |value: u64| {
            let exponent = u128::from(micros) * u128::from(value.abs_diff(t / 2));
            Wide::exp_minus(exponent, 1_000_000)
        };
        let total = (0..=t).map(weight).fold(Wide::ZERO, Wide::plus);
        // |p - w/W| * W, so that nothing is divided.
        let error = (0..).zip(&table).map(|(value, p)| {
            let found = Wide::fraction(*p).times(total);
            found.distance(weight(value))
        });
        let error = error.fold(Wide::ZERO, Wide::plus);
        let bound = Wide::fraction(u128::from(2 * (19 * t + 3))).times(total);
        assert!(error <= bound, "{micros} millionths, T = {t}");
    }
}

#[test]
fn neighbouring_counts_are_as_hard_to_tell_apart_as_epsilon_and_delta_say() {
    for (micros, t) in PARAMETERS {
        let (noise, table) = table(micros, t);
        let shrink = Wide::exp_minus(micros.into(), 1_000_000);
        let probability = |value: Option<&u128>| value.map_or(Wide::ZERO, |p| Wide::fraction(*p));
        // The sum over all outputs of P - exp(epsilon) P', where that is positive, times
        // exp(-epsilon); for a count against the next larger one. The table is symmetric, so the
        // other direction is the same.
        let excess = (0..table.len()).map(|value| {
            let here = probability(table.get(value)).times(shrink);
            let there = probability(value.checked_sub(1).and_then(|v| table.get(v)));
            here.minus(there)
        });
        let excess = excess.fold(Wide::ZERO, Wide::plus);
        let delta = |units: u64| Wide::fraction(u128::from(units) << 64).times(shrink);
        let Delta(claimed) = noise.delta();
        assert!(excess <= delta(claimed), "{micros} millionths, T = {t}");
        // The claim is at most a unit above the true value.
        assert!(excess > delta(claimed.saturating_sub(2)), "{micros}, {t}");
    }
}

#[test]
fn a_table_that_falls_too_fast_costs_more_than_it_claims() {
    // The check above can fail: with the noise of twice the epsilon it does.
    let fast = count_noise(2_000_000);
    let shrink = Wide::exp_minus(1, 1);
    let centre = fast.centre();
    let here = Wide::fraction(fast.probability(centre)).times(shrink);
    let there = Wide::fraction(fast.probability(centre - 1));
    assert!(here.minus(there) > Wide::quotient(1, 100));
}
