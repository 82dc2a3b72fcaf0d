//! What is displayed: standard deviations and intervals, against the exact distributions.

use super::statistics::number;
use super::{count_noise, epsilon};
use crate::dp::{CountNoise, ShareNoise, Spread, Uncertainty};

/// Probabilities of distances from the centre, -n to n.
type Centred = Vec<f64>;

fn count_table(noise: &CountNoise) -> Centred {
    let values = 0..=noise.dummies();
    values
        .map(|v| crate::dp::spread::fraction(noise.probability(v)))
        .collect()
}

fn share_table(sensitivity: u64, micros: u64) -> Centred {
    let noise = ShareNoise::new(sensitivity, epsilon(micros)).unwrap();
    let q = (-1.0 / noise.spread().scale()).exp();
    let bound = i32::try_from(noise.bound()).unwrap();
    let p = |value: i32| (1.0 - q) / (1.0 + q) * q.powi(value.abs());
    (-bound..=bound).map(p).collect()
}

fn sum_of(a: &Centred, b: &Centred) -> Centred {
    let mut sum = vec![0.0; a.len() + b.len() - 1];
    for (i, p) in a.iter().enumerate() {
        for (j, q) in b.iter().enumerate() {
            sum[i + j] += p * q;
        }
    }
    sum
}

/// The probability of being within `distance` of the centre.
fn within(table: &Centred, distance: f64) -> f64 {
    let centre = table.len() / 2;
    let inside = (0..table.len()).filter(|i| number(i.abs_diff(centre)) <= distance);
    inside.map(|i| table[i]).sum()
}

fn std_dev(table: &Centred) -> f64 {
    let centre = table.len() / 2;
    let squares = (0..table.len()).map(|i| table[i] * number(i.abs_diff(centre)).powi(2));
    squares.sum::<f64>().sqrt()
}

fn assert_told(noises: &[Spread], table: &Centred) {
    let told = Uncertainty::of(noises);
    let exact = std_dev(table);
    assert!(
        (told.std_dev / exact - 1.0).abs() < 1e-6,
        "{} {exact}",
        told.std_dev
    );
    let inside = within(table, told.half_width_95);
    assert!(inside >= 0.95, "{inside}");
    // Not much wider than needed either: without one step and a few hundredths, it is too narrow.
    let less = within(table, 0.95 * told.half_width_95 - 1.0);
    assert!(less < 0.95, "{less}");
}

#[test]
fn the_interval_of_one_noise_holds_95_of_100_numbers_and_hardly_more() {
    for micros in [100_000, 1_000_000, 3_000_000] {
        let noise = count_noise(micros);
        assert_told(&[noise.spread()], &count_table(&noise));
    }
    for (sensitivity, micros) in [(1, 1_000_000), (7, 500_000), (20, 1_000_000)] {
        let spread = ShareNoise::new(sensitivity, epsilon(micros))
            .unwrap()
            .spread();
        assert_told(&[spread], &share_table(sensitivity, micros));
    }
}

#[test]
fn the_interval_of_several_noises_is_that_of_their_sum() {
    let share = ShareNoise::new(7, epsilon(500_000)).unwrap().spread();
    let share_of = share_table(7, 500_000);
    let twice = sum_of(&share_of, &share_of);
    assert_told(&[share, share], &twice);
    let count = count_noise(300_000);
    let other = ShareNoise::new(1, epsilon(900_000)).unwrap().spread();
    let mixed = sum_of(&count_table(&count), &share_table(1, 900_000));
    assert_told(&[count.spread(), other], &mixed);
    let all = sum_of(&mixed, &share_of);
    assert_told(&[other, share, count.spread()], &all);
}

#[test]
fn without_noise_there_is_no_uncertainty() {
    let none = Uncertainty::of(&[]);
    assert_eq!(
        (none.std_dev.to_bits(), none.half_width_95.to_bits()),
        (0, 0)
    );
}

#[test]
fn more_noises_than_are_computed_have_the_interval_that_holds_for_all() {
    let spread = count_noise(1_000_000).spread();
    let four = Uncertainty::of(&[spread; 4]);
    let five = Uncertainty::of(&[spread; 5]);
    let chebyshev = five.std_dev * 20_f64.sqrt();
    assert!((five.half_width_95 - chebyshev.ceil()).abs() < 1e-9);
    assert!(five.half_width_95 > four.half_width_95);
}

#[test]
fn the_largest_and_smallest_parameters_have_finite_figures() {
    for noise in [
        ShareNoise::new(1 << 60, epsilon(16_000_000)).unwrap(),
        ShareNoise::new(1, epsilon(1)).unwrap(),
    ] {
        let told = Uncertainty::of(&[noise.spread(), noise.spread()]);
        assert!(told.std_dev.is_finite() && told.std_dev > 0.0);
        assert!(told.half_width_95 > 1.9 * told.std_dev);
        assert!(told.half_width_95 < 2.2 * told.std_dev);
    }
}
