//! The constants of edwards25519 and ristretto255 (RFC 9496 §4.1) as limbs.

use super::{LIMB_MASK, LIMBS, RADIX};

/// A constant in the form of every arithmetic.
pub(in crate::kernel) struct Constant {
    /// Limbs from 0 to below 2^51.
    pub(super) plain: [u64; LIMBS],
    /// Limbs of magnitude 2^50 at most, which is as far as floats go.
    pub(super) balanced: [f64; LIMBS],
}

/// `-121665 / 121666`.
pub(in crate::kernel::vector) const D: Constant = constant([
    0x75eb_4dca_1359_78a3,
    0x0070_0a4d_4141_d8ab,
    0x8cc7_4079_7779_e898,
    0x5203_6cee_2b6f_fe73,
]);
/// A square root of -1.
pub(in crate::kernel::vector) const SQRT_M1: Constant = constant([
    0xc4ee_1b27_4a0e_a0b0,
    0x2f43_1806_ad2f_e478,
    0x2b4d_0099_3dfb_d7a7,
    0x2b83_2480_4fc1_df0b,
]);
/// `sqrt(-d - 1)`.
pub(in crate::kernel::vector) const SQRT_AD_MINUS_ONE: Constant = constant([
    0x7e97_f6a0_497b_2e1b,
    0xaf9d_8e0c_1b78_54bd,
    0x0f3c_fcc9_31f5_d1fd,
    0x3769_31bf_2b83_48ac,
]);
/// `1 / sqrt(-1 - d)`.
pub(in crate::kernel::vector) const INVSQRT_A_MINUS_D: Constant = constant([
    0x99c8_fdaa_805d_40ea,
    0x9d2f_1617_5a41_72be,
    0x16c2_7b91_fe01_d840,
    0x786c_8905_cfaf_fca2,
]);
/// `1 - d^2`.
pub(in crate::kernel::vector) const ONE_MINUS_D_SQ: Constant = constant([
    0xe27c_09c1_945f_c176,
    0x2c81_a138_cd5e_350f,
    0x9994_abdd_be70_dfe4,
    0x0290_72a8_b2b3_e0d7,
]);
/// `(d - 1)^2`.
pub(in crate::kernel::vector) const D_MINUS_ONE_SQ: Constant = constant([
    0x31ad_5aaa_44ed_4d20,
    0xd29e_4a2c_b01e_1999,
    0x4cdc_d32f_529b_4eeb,
    0x5968_b37a_f66c_2241,
]);
/// One.
pub(in crate::kernel::vector) const ONE: Constant = constant([1, 0, 0, 0]);
/// Zero.
pub(in crate::kernel::vector) const ZERO: Constant = constant([0, 0, 0, 0]);

/// The limbs of a 255-bit number in 64-bit words, lowest first.
#[expect(
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "limbs have 51 bits"
)]
const fn constant(words: [u64; 4]) -> Constant {
    let [a, b, c, d] = words;
    let plain = [
        a & LIMB_MASK,
        (a >> 51 | b << 13) & LIMB_MASK,
        (b >> 38 | c << 26) & LIMB_MASK,
        (c >> 25 | d << 39) & LIMB_MASK,
        d >> 12,
    ];
    let mut balanced = [0.0; LIMBS];
    let mut carry = 0;
    let mut i = 0;
    while i < LIMBS {
        let limb = plain[i] as i64 + carry;
        carry = (limb >> (RADIX - 1)) & 1;
        balanced[i] = (limb - (carry << RADIX)) as f64;
        i += 1;
    }
    // 2^255 is 19.
    balanced[0] += 19.0 * carry as f64;
    Constant { plain, balanced }
}
