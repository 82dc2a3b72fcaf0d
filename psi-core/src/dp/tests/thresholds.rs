//! The arithmetic of `fixed` and the thresholds of `ShareNoise`, against an independent
//! computation, and what truncation and rounding cost.

use super::reference::Wide;
use super::{epsilon, generator};
use crate::dp::fixed::{self, Number};
use crate::dp::{Delta, NoiseError, ShareNoise};
use crate::limits;

use rand_core::Rng as _;

/// Sensitivities and millionths of epsilon over the range that is served.
const PARAMETERS: [(u64, u64); 8] = [
    (1, 1_000_000),
    (1, 16_000_000),
    (1, 1),
    (3, 500_000),
    (1_000_000_007, 250_000),
    ((1 << 40) - 1, 10_000),
    (1 << 56, 1_000_000),
    (1 << 60, 16_000_000),
];

#[test]
fn exp_is_within_nine_units_of_the_true_value() {
    let mut rng = generator(1);
    let mut cases = vec![
        (0, 1),
        (1, 1 << 90),
        (1, 1),
        (127, 1),
        (128, 1),
        (88, 1),
        (1, 3),
    ];
    cases.extend((0..8).map(|bit| ((1_u128 << bit) - 1, 1)));
    cases.extend((0..300).map(|_| {
        let denominator = u128::from(rng.next_u64()) << (rng.next_u32() % 30) | 1;
        let scale = u128::from(rng.next_u64()) << (rng.next_u32() % 30);
        (scale % (100 * denominator), denominator)
    }));
    for (numerator, denominator) in cases {
        let found = fixed::exp_minus(Number::quotient(numerator, denominator));
        let expected = Wide::exp_minus(numerator, denominator);
        let error = Wide::fraction(found).distance(expected);
        assert!(error <= Wide::fraction(9), "{numerator} / {denominator}");
    }
}

#[test]
fn quotients_are_rounded_as_they_say() {
    let mut rng = generator(2);
    let mut random = || u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
    for i in 0..300 {
        let numerator = random() >> (i % 64);
        let denominator = Number {
            whole: 1 + random() % (1 << (i % 17)),
            fraction: random() >> (i % 100),
        };
        let found = fixed::divide(numerator, denominator);
        let whole = Wide::quotient(denominator.whole, 1);
        let denominator = whole.plus(Wide::fraction(denominator.fraction));
        // found * (1 - 2^-126) <= numerator / denominator < found + 1
        let low = Wide::fraction(found).times(denominator);
        let low = low.minus(low.over(1 << 63).over(1 << 63));
        let high = Wide::fraction(found)
            .plus(Wide::fraction(1))
            .times(denominator);
        let numerator = Wide::fraction(numerator);
        assert!(low <= numerator && numerator < high, "case {i}");
    }
}

#[test]
fn products_are_rounded_downward() {
    let mut rng = generator(3);
    let mut random = || u128::from(rng.next_u64()) << 64 | u128::from(rng.next_u64());
    let edges = [0, 1, u64::MAX.into(), 1 << 64, u128::MAX];
    let edges = edges.into_iter().flat_map(|a| edges.map(|b| (a, b)));
    let random: Vec<_> = (0..300).map(|_| (random(), random())).collect();
    for (a, b) in edges.chain(random) {
        let expected = Wide::fraction(a).times(Wide::fraction(b)).units();
        assert_eq!(fixed::multiply(a, b), expected);
    }
}

#[test]
fn thresholds_are_within_eleven_units_of_the_true_probability() {
    for (sensitivity, micros) in PARAMETERS {
        let noise = ShareNoise::new(sensitivity, epsilon(micros)).unwrap();
        for bit in 0..noise.bound().count_ones() {
            let denominator = 1_000_000 * u128::from(sensitivity);
            let odds = Wide::exp_minus(u128::from(micros) << bit, denominator);
            // p (1 + odds) against odds.
            let one_and_odds = Wide::ONE.plus(odds);
            let found = Wide::fraction(noise.threshold(bit.try_into().unwrap()));
            let error = found.times(one_and_odds).distance(odds);
            let bound = Wide::fraction(11).times(one_and_odds);
            assert!(error <= bound, "{sensitivity}, {micros}, bit {bit}");
        }
    }
}

/// All probabilities of the noise, from `-bound` to `bound`, from its thresholds alone.
fn distribution(noise: &ShareNoise) -> Vec<Wide> {
    let bits = usize::try_from(noise.bound().count_ones()).unwrap();
    let geometric: Vec<Wide> = (0..=noise.bound())
        .map(|value| {
            let bit = |bit: usize| {
                let one = Wide::fraction(noise.threshold(bit));
                if value >> bit & 1 == 1 {
                    one
                } else {
                    Wide::ONE.minus(one)
                }
            };
            (0..bits).map(bit).fold(Wide::ONE, Wide::times)
        })
        .collect();
    let last = geometric.len() - 1;
    let mut sums = vec![Wide::ZERO; 2 * last + 1];
    for (up, p) in geometric.iter().enumerate() {
        for (down, q) in geometric.iter().enumerate() {
            sums[last + up - down] = sums[last + up - down].plus(p.times(*q));
        }
    }
    sums
}

#[test]
fn neighbouring_sums_are_as_hard_to_tell_apart_as_epsilon_and_delta_say() {
    for (sensitivity, micros) in [(1, 1_000_000), (3, 500_000), (2, 16_000_000), (1, 250_000)] {
        let noise = ShareNoise::new(sensitivity, epsilon(micros)).unwrap();
        let table = distribution(&noise);
        let shrink = Wide::exp_minus(micros.into(), 1_000_000);
        let excess = |shift: u64, shrink: Wide| {
            let shift = usize::try_from(shift).unwrap();
            let terms = (0..table.len()).map(|value| {
                let there = value.checked_sub(shift).map_or(Wide::ZERO, |v| table[v]);
                table[value].times(shrink).minus(there)
            });
            terms.fold(Wide::ZERO, Wide::plus)
        };
        let Delta(units) = noise.delta();
        let delta = Wide::fraction(u128::from(units) << 64).times(shrink);
        for shift in 1..=sensitivity {
            assert!(excess(shift, shrink) <= delta, "{sensitivity}, {micros}");
        }
        // The check can fail: an identity that adds one more than the sensitivity is not covered.
        assert!(excess(sensitivity + 1, shrink) > delta);
    }
}

#[test]
fn the_distribution_is_the_discrete_laplace_distribution() {
    let noise = ShareNoise::new(3, epsilon(500_000)).unwrap();
    let table = distribution(&noise);
    let q = Wide::exp_minus(1, 6);
    let (less, more) = (Wide::ONE.minus(q), Wide::ONE.plus(q));
    let mut power = Wide::ONE;
    for distance in 0..usize::try_from(noise.bound()).unwrap() {
        // (1 - q) / (1 + q) * q^distance, within the cut of exp(-47).
        let up = table[table.len() / 2 + distance];
        let down = table[table.len() / 2 - distance];
        let expected = less.times(power);
        let cut = Wide::exp_minus(45, 1);
        assert!(up.times(more).distance(expected) <= cut.plus(Wide::fraction(100)));
        assert!(up.distance(down) <= Wide::fraction(1));
        power = power.times(q);
    }
    let sum = table.into_iter().fold(Wide::ZERO, Wide::plus);
    assert!(sum.distance(Wide::ONE) <= Wide::fraction(1));
}

#[test]
fn every_sensitivity_up_to_the_limit_works_or_is_refused_by_name() {
    let mut served = 0;
    for power in 0..=62 {
        for micros in [1, 1000, 10_000, 1_000_000, 16_000_000] {
            let sensitivity = 1 << power;
            match ShareNoise::new(sensitivity, epsilon(micros)) {
                Ok(noise) => {
                    served += 1;
                    assert!(noise.bound() < 1 << 62);
                    assert_cut_costs_less_than_half_a_unit(&noise);
                }
                Err(error) => {
                    let refused = NoiseError::NoiseTooWide {
                        sensitivity,
                        epsilon: epsilon(micros),
                    };
                    assert_eq!(error, refused);
                    // What 63 bits would need is too wide.
                    let reach = 2_f64.powi(62 - power) * micros_as_f64(micros) / 1e6;
                    assert!(reach < 47.0 + micros_as_f64(micros) / 1e6);
                }
            }
        }
    }
    assert!(served > 200, "{served}");
    for sensitivity in [0, limits::SENSITIVITY_MAX + 1, u64::MAX] {
        let refused = NoiseError::SensitivityNotServed { sensitivity };
        assert_eq!(
            ShareNoise::new(sensitivity, epsilon(1)).err(),
            Some(refused)
        );
    }
}

/// README.md §5: (1 + exp(epsilon)) (2 tail + rounding) is below 2^-65.
fn assert_cut_costs_less_than_half_a_unit(noise: &ShareNoise) {
    #[expect(clippy::cast_precision_loss, reason = "bounds with room")]
    let (reach, sensitivity) = ((noise.bound() + 1) as f64, noise.sensitivity() as f64);
    let e = micros_as_f64(noise.epsilon().micros()) / 1e6;
    let tail = (-reach * e / sensitivity).exp();
    let rounding = 2_f64.powi(11 - 128);
    let cost = (1.0 + e.exp()) * (2.0 * tail + rounding);
    assert!(cost < 2_f64.powi(-65), "{cost:e}");
    assert_eq!(noise.delta(), Delta::UNIT);
}

#[expect(clippy::cast_precision_loss, reason = "at most 16 million")]
fn micros_as_f64(micros: u64) -> f64 {
    micros as f64
}
