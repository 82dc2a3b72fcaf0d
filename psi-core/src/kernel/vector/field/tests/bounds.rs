//! The bounds of limbs and columns, as each arithmetic states them.

use super::super::float::{Floats, REDUCED_MAX};
use super::super::integer::Integers;
use super::super::{LIMBS, TWO_P};

/// What the tests know of an arithmetic: the form of limbs, and their lowest and highest values.
pub(in crate::kernel) trait Bounds {
    const REDUCED: [(i128, i128); LIMBS];
    const SUM: [(i128, i128); LIMBS];
    /// Columns of five products.
    const COLUMN: (i128, i128);

    /// A limb as the word of a lane.
    fn word(limb: i128) -> u64;
    /// The limb that a word holds.
    fn number(word: u64) -> i128;
}

impl Bounds for Floats {
    #[expect(clippy::cast_possible_truncation, reason = "a whole number of 51 bits")]
    const REDUCED: [(i128, i128); LIMBS] = [(-(REDUCED_MAX as i128), REDUCED_MAX as i128); LIMBS];
    const SUM: [(i128, i128); LIMBS] = [(2 * Self::REDUCED[0].0, 2 * Self::REDUCED[0].1); LIMBS];
    const COLUMN: (i128, i128) = (1 - (1 << 60), (1 << 60) - 1);

    #[expect(clippy::cast_precision_loss, reason = "limbs have 52 bits")]
    fn word(limb: i128) -> u64 {
        (limb as f64).to_bits()
    }

    #[expect(clippy::cast_possible_truncation, reason = "limbs have 52 bits")]
    fn number(word: u64) -> i128 {
        let limb = f64::from_bits(word);
        assert!(limb.fract() == 0.0, "a limb of {limb}");
        limb as i128
    }
}

impl Bounds for Integers {
    const REDUCED: [(i128, i128); LIMBS] = [
        (0, TWO_P[0] as i128),
        (0, TWO_P[1] as i128),
        (0, TWO_P[2] as i128),
        (0, TWO_P[3] as i128),
        (0, TWO_P[4] as i128),
    ];
    const SUM: [(i128, i128); LIMBS] = Self::REDUCED;
    // As far as `512 p` for each product reaches.
    const COLUMN: (i128, i128) = (0, 5 * 256 * TWO_P[0] as i128);

    fn word(limb: i128) -> u64 {
        // Columns of floats are signed; their words are those of two's complement.
        match u64::try_from(limb) {
            Ok(word) => word,
            Err(_) => i64::try_from(limb).unwrap().cast_unsigned(),
        }
    }

    fn number(word: u64) -> i128 {
        word.into()
    }
}
