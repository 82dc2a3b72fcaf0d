//! What the samplers promise, checked on their tables and on draws.

use super::{Delta, Epsilon, dummies};

/// Epsilon of `micros` millionths.
fn epsilon(micros: u64) -> Epsilon {
    Epsilon::from_micros(micros).unwrap()
}

#[test]
fn the_number_of_dummies_for_a_delta_of_a_billionth_is_that_of_the_specification() {
    for (micros, expected) in [
        (1_000_000, 40),
        (500_000, 78),
        (100_000, 356),
        (10_000, 3086),
    ] {
        let found = dummies(epsilon(micros), Delta::one_in(1_000_000_000));
        assert_eq!(found, Ok(expected), "epsilon {}", epsilon(micros));
    }
}
