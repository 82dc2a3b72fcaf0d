//! Draws: against the tables, by what they read, and at their edges.

use std::convert::Infallible;

use rand_core::{CryptoRng, Rng as _, TryCryptoRng, TryRng};

use super::statistics::{chi_square_sigmas, number};
use super::{count_noise, epsilon, generator};
use crate::dp::{CountNoise, ShareNoise};

/// More than this many standard deviations is a broken sampler: once in a billion otherwise.
const SIGMAS_MAX: f64 = 6.0;

/// Gives the same numbers of 128 bits again and again.
struct Scripted(Vec<u128>, usize);

impl TryRng for Scripted {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unreachable!("draws are of 16 bytes")
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unreachable!("draws are of 16 bytes")
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.0[self.1 % self.0.len()].to_le_bytes());
        self.1 += 1;
        Ok(())
    }
}

impl TryCryptoRng for Scripted {}

#[expect(clippy::cast_precision_loss, reason = "a test of three digits")]
fn as_f64(units: u128) -> f64 {
    units as f64 / 2_f64.powi(128)
}

/// Probabilities of all values of a count's noise.
fn count_table(noise: &CountNoise) -> Vec<f64> {
    let values = 0..=noise.dummies();
    values
        .map(|value| as_f64(noise.probability(value)))
        .collect()
}

/// Probabilities of a share's noise from `-bound` to `bound`, by the formula of the discrete
/// Laplace distribution.
fn share_table(noise: &ShareNoise) -> Vec<f64> {
    let rate = number(usize::try_from(noise.epsilon().micros()).unwrap()) / 1e6;
    let q = (-rate / number(usize::try_from(noise.sensitivity()).unwrap())).exp();
    let bound = i32::try_from(noise.bound()).unwrap();
    let p = |value: i32| (1.0 - q) / (1.0 + q) * q.powi(value.abs());
    (-bound..=bound).map(p).collect()
}

fn counts(cells: usize, draws: usize, mut draw: impl FnMut() -> usize) -> Vec<f64> {
    let mut counts = vec![0.0; cells];
    for _ in 0..draws {
        counts[draw()] += 1.0;
    }
    counts
}

fn count_draws(noise: &CountNoise, draws: usize, rng: &mut impl CryptoRng) -> Vec<f64> {
    counts(count_table(noise).len(), draws, || {
        usize::try_from(noise.sample(rng).expose()).unwrap()
    })
}

fn share_draws(noise: &ShareNoise, draws: usize, rng: &mut impl CryptoRng) -> Vec<f64> {
    let bound = noise.bound().cast_signed();
    counts(share_table(noise).len(), draws, || {
        usize::try_from(noise.sample(rng).expose() + bound).unwrap()
    })
}

fn assert_draws_follow_their_tables(draws: usize) {
    for micros in [600_000, 1_000_000, 4_000_000] {
        let noise = count_noise(micros);
        let seen = count_draws(&noise, draws, &mut generator(micros));
        let sigmas = chi_square_sigmas(&seen, &count_table(&noise));
        assert!(sigmas < SIGMAS_MAX, "{micros}: {sigmas}");
    }
    for (sensitivity, micros) in [(1, 1_000_000), (5, 500_000), (2, 8_000_000)] {
        let noise = ShareNoise::new(sensitivity, epsilon(micros)).unwrap();
        let seen = share_draws(&noise, draws, &mut generator(micros));
        let sigmas = chi_square_sigmas(&seen, &share_table(&noise));
        assert!(sigmas < SIGMAS_MAX, "{sensitivity}, {micros}: {sigmas}");
    }
}

#[test]
fn a_million_draws_follow_their_tables() {
    assert_draws_follow_their_tables(1_000_000);
}

#[test]
#[ignore = "ten million draws of six samplers take minutes; run after a change to a sampler"]
fn ten_million_draws_follow_their_tables() {
    assert_draws_follow_their_tables(10_000_000);
}

#[test]
fn chi_square_sees_an_epsilon_that_is_a_fiftieth_off() {
    let (claimed, drawn) = (count_noise(1_000_000), count_noise(1_020_000));
    assert_eq!(claimed.dummies(), drawn.dummies());
    let seen = count_draws(&drawn, 1_000_000, &mut generator(7));
    assert!(chi_square_sigmas(&seen, &count_table(&claimed)) > SIGMAS_MAX);
    let claimed = ShareNoise::new(100, epsilon(10_000_000)).unwrap();
    let drawn = ShareNoise::new(102, epsilon(10_000_000)).unwrap();
    assert_eq!(claimed.bound(), drawn.bound());
    let seen = share_draws(&drawn, 1_000_000, &mut generator(8));
    assert!(chi_square_sigmas(&seen, &share_table(&claimed)) > SIGMAS_MAX);
}

#[test]
fn a_draw_is_the_value_whose_piece_of_the_table_it_falls_into() {
    for noise in [
        count_noise(1_000_000),
        CountNoise::new(epsilon(5), 2).unwrap(),
    ] {
        let mut start = 0_u128;
        for value in 0..=noise.dummies() {
            let last = start.wrapping_add(noise.probability(value)).wrapping_sub(1);
            for drawn in [start, last] {
                let found = noise.sample(&mut Scripted(vec![drawn], 0)).expose();
                assert_eq!(found, value);
            }
            start = last.wrapping_add(1);
        }
        assert_eq!(start, 0, "the pieces fill all 128 bits");
    }
}

#[test]
fn noise_of_a_share_reaches_its_bound_on_both_sides_and_no_further() {
    let noise = ShareNoise::new(1 << 56, epsilon(1_000_000)).unwrap();
    let bits = usize::try_from(noise.bound().count_ones()).unwrap();
    let script = |up: u128, down: u128| {
        let mut draws = vec![up; bits];
        draws.extend(vec![down; bits]);
        Scripted(draws, 0)
    };
    let bound = noise.bound().cast_signed();
    assert_eq!(noise.sample(&mut script(0, u128::MAX)).expose(), bound);
    assert_eq!(noise.sample(&mut script(u128::MAX, 0)).expose(), -bound);
    assert_eq!(noise.sample(&mut script(0, 0)).expose(), 0);
}

#[test]
fn a_bit_is_one_exactly_if_its_draw_is_below_the_threshold() {
    let noise = ShareNoise::new(1, epsilon(1_000_000)).unwrap();
    let bits = usize::try_from(noise.bound().count_ones()).unwrap();
    for bit in 0..bits {
        for (below, expected) in [(1, 1 << bit), (0, 0)] {
            let mut draws = vec![u128::MAX; 2 * bits];
            draws[bit] = noise.threshold(bit) - below;
            assert_eq!(noise.sample(&mut Scripted(draws, 0)).expose(), expected);
        }
    }
}

#[test]
fn a_draw_reads_as_many_bytes_whatever_it_is() {
    let count = count_noise(1_000_000);
    let share = ShareNoise::new(12_345, epsilon(700_000)).unwrap();
    let bits = usize::try_from(share.bound().count_ones()).unwrap();
    for seed in 0..20 {
        let (mut rng, mut skipped) = (generator(seed), generator(seed));
        let drawn = count.sample(&mut rng).expose();
        assert!(drawn <= count.dummies());
        skipped.fill_bytes(&mut [0; 16]);
        let drawn = share.sample(&mut rng).expose();
        assert!(drawn.unsigned_abs() <= share.bound());
        skipped.fill_bytes(&mut vec![0; 32 * bits]);
        assert_eq!(rng.next_u64(), skipped.next_u64());
    }
}

#[test]
fn the_same_stream_gives_the_same_noise_and_another_part_another() {
    use crate::seed::{JobSeed, Purpose};
    let seed = JobSeed::new([7; 32]);
    let share = ShareNoise::new(1 << 40, epsilon(1_000_000)).unwrap();
    let draw = |purpose, part| share.sample(&mut seed.stream(purpose, 0, part)).expose();
    assert_eq!(draw(Purpose::ShareNoise, 0), draw(Purpose::ShareNoise, 0));
    assert_ne!(draw(Purpose::ShareNoise, 0), draw(Purpose::ShareNoise, 1));
    assert_ne!(draw(Purpose::ShareNoise, 0), draw(Purpose::CountNoise, 0));
}

#[test]
fn draws_of_z_use_all_of_the_dummies_and_never_more() {
    let noise = CountNoise::new(epsilon(10_000), 64).unwrap();
    let mut rng = generator(11);
    let values: Vec<u64> = (0..100_000)
        .map(|_| noise.sample(&mut rng).expose())
        .collect();
    assert_eq!(values.iter().min(), Some(&0));
    assert_eq!(values.iter().max(), Some(&64));
}
