//! What the samplers promise, checked on their tables, on draws, and by attackers.
//!
//! Every generator has a fixed seed, so a test that passes once passes always. The bounds of the
//! random tests are such that another seed would fail less than once in a thousand.

use chacha20::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::{CountNoise, Delta, Epsilon, NoiseError, dummies, split};
use crate::limits;

mod audit;
pub(crate) mod differ;
mod draws;
mod people;
mod reference;
mod repeated;
pub(crate) mod statistics;
mod tables;
mod thresholds;

/// Epsilon of `micros` millionths.
fn epsilon(micros: u64) -> Epsilon {
    Epsilon::from_micros(micros).unwrap()
}

/// One in a billion.
fn billionth() -> Delta {
    Delta::one_in(1_000_000_000)
}

/// The noise of a count for `micros` millionths and a delta of a billionth.
fn count_noise(micros: u64) -> CountNoise {
    let t = dummies(epsilon(micros), billionth()).unwrap();
    CountNoise::new(epsilon(micros), t).unwrap()
}

/// A generator with a seed of its own.
fn generator(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

#[test]
fn an_epsilon_is_at_least_a_millionth_and_at_most_the_limit() {
    for micros in [0, limits::EPSILON_MICROS_MAX + 1, u64::MAX] {
        let refused = Err(NoiseError::EpsilonNotServed { micros });
        assert_eq!(Epsilon::from_micros(micros), refused);
    }
    for micros in [1, limits::EPSILON_MICROS_MAX] {
        assert_eq!(epsilon(micros).micros(), micros);
    }
}

#[test]
fn an_epsilon_out_of_range_does_not_decode() {
    let config = bincode::config::standard();
    for (micros, accepted) in [
        (0_u64, false),
        (1, true),
        (16_000_000, true),
        (16_000_001, false),
    ] {
        let bytes = bincode::encode_to_vec(micros, config).unwrap();
        let decoded = bincode::decode_from_slice::<Epsilon, _>(&bytes, config);
        assert_eq!(decoded.is_ok(), accepted, "{micros}");
    }
}

#[test]
fn an_epsilon_is_written_as_the_decimal_number_that_it_is() {
    for (micros, text) in [
        (500_000, "0.5"),
        (2_000_000, "2"),
        (1, "0.000001"),
        (1_250_000, "1.25"),
    ] {
        assert_eq!(epsilon(micros).to_string(), text);
    }
}

#[test]
fn one_in_a_number_is_rounded_upward_to_units() {
    // 2^64 / 10^9 is 18446744073.709…
    assert_eq!(billionth(), Delta(18_446_744_074));
    assert_eq!(Delta::one_in(1 << 63), Delta(2));
    assert_eq!(Delta::one_in(u64::MAX), Delta(2));
    assert_eq!(Delta::one_in(0), Delta(u64::MAX));
    assert_eq!(Delta(u64::MAX).plus(Delta::UNIT), Delta(u64::MAX));
    assert_eq!(Delta(3).times(5), Delta(15));
    assert_eq!(billionth().to_string(), "1.00e-9");
}

#[test]
fn a_split_is_even_and_never_more_than_the_whole() {
    let (whole, delta) = (epsilon(1_000_000), billionth());
    for components in [0, 1, 2, 6, 255] {
        let each = split(whole, delta, components).unwrap();
        let shares = u64::from(components) + 1;
        assert!(each.epsilon.micros() * shares <= whole.micros());
        assert!((each.epsilon.micros() + 1) * shares > whole.micros());
        assert!(each.delta.times(shares) <= delta);
        assert!(Delta(each.delta.0 + 1).times(shares) > delta);
    }
}

#[test]
fn a_split_into_less_than_a_unit_is_refused() {
    for (whole, delta) in [(epsilon(2), billionth()), (epsilon(1_000_000), Delta(2))] {
        let refused = NoiseError::TooLittleToSplit {
            epsilon: whole,
            delta,
            shares: 3,
        };
        assert_eq!(split(whole, delta, 2), Err(refused));
        assert!(split(whole, delta, 1).is_ok());
    }
}
