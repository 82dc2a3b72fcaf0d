//! The compression function of SHA-512 (FIPS 180-4 §6.4.2) on one message in each lane.
//!
//! [`super::digest`], [`super::expand`] and [`super::prefixed`] call this. The `sha2` crate, which
//! works on one message at a time, does all other hashing. Only the result depends on what is hashed.

use super::lanes::Lanes;

/// Bytes of a block.
pub(super) const BLOCK: usize = 128;

/// The initial state (FIPS 180-4 §5.3.5).
#[rustfmt::skip]
pub(super) const INITIAL: [u64; 8] = [
    0x6a09_e667_f3bc_c908, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1,
    0x510e_527f_ade6_82d1, 0x9b05_688c_2b3e_6c1f, 0x1f83_d9ab_fb41_bd6b, 0x5be0_cd19_137e_2179,
];

/// The initial state of SHA-512/256 (FIPS 180-4 §5.3.6.2).
#[rustfmt::skip]
pub(super) const INITIAL_256: [u64; 8] = [
    0x2231_2194_fc2b_f72c, 0x9f55_5fa3_c84c_64c2, 0x2393_b86b_6f53_b151, 0x9638_7719_5940_eabd,
    0x9628_3ee2_a88e_ffe3, 0xbe5e_1e25_5386_3992, 0x2b01_99fc_2c85_b8aa, 0x0eb7_2ddc_81c5_2ca2,
];

/// The state after one block of zeros.
pub(super) const AFTER_ZERO_BLOCK: [u64; 8] = [
    0xcf78_81d5_774a_cbe8,
    0x5333_62e0_fbc7_8070,
    0x0267_639d_8746_0eda,
    0x3086_cb40_e859_31b0,
    0x717d_c952_88a0_23a3,
    0x96ba_b2c1_4ce0_b5e0,
    0x6fc4_fe04_eae3_3e0b,
    0x91f4_d80c_bd66_8bee,
];

/// The constants of the rounds (FIPS 180-4 §4.2.3).
#[rustfmt::skip]
const ROUNDS: [u64; 80] = [
    0x428a_2f98_d728_ae22, 0x7137_4491_23ef_65cd, 0xb5c0_fbcf_ec4d_3b2f, 0xe9b5_dba5_8189_dbbc,
    0x3956_c25b_f348_b538, 0x59f1_11f1_b605_d019, 0x923f_82a4_af19_4f9b, 0xab1c_5ed5_da6d_8118,
    0xd807_aa98_a303_0242, 0x1283_5b01_4570_6fbe, 0x2431_85be_4ee4_b28c, 0x550c_7dc3_d5ff_b4e2,
    0x72be_5d74_f27b_896f, 0x80de_b1fe_3b16_96b1, 0x9bdc_06a7_25c7_1235, 0xc19b_f174_cf69_2694,
    0xe49b_69c1_9ef1_4ad2, 0xefbe_4786_384f_25e3, 0x0fc1_9dc6_8b8c_d5b5, 0x240c_a1cc_77ac_9c65,
    0x2de9_2c6f_592b_0275, 0x4a74_84aa_6ea6_e483, 0x5cb0_a9dc_bd41_fbd4, 0x76f9_88da_8311_53b5,
    0x983e_5152_ee66_dfab, 0xa831_c66d_2db4_3210, 0xb003_27c8_98fb_213f, 0xbf59_7fc7_beef_0ee4,
    0xc6e0_0bf3_3da8_8fc2, 0xd5a7_9147_930a_a725, 0x06ca_6351_e003_826f, 0x1429_2967_0a0e_6e70,
    0x27b7_0a85_46d2_2ffc, 0x2e1b_2138_5c26_c926, 0x4d2c_6dfc_5ac4_2aed, 0x5338_0d13_9d95_b3df,
    0x650a_7354_8baf_63de, 0x766a_0abb_3c77_b2a8, 0x81c2_c92e_47ed_aee6, 0x9272_2c85_1482_353b,
    0xa2bf_e8a1_4cf1_0364, 0xa81a_664b_bc42_3001, 0xc24b_8b70_d0f8_9791, 0xc76c_51a3_0654_be30,
    0xd192_e819_d6ef_5218, 0xd699_0624_5565_a910, 0xf40e_3585_5771_202a, 0x106a_a070_32bb_d1b8,
    0x19a4_c116_b8d2_d0c8, 0x1e37_6c08_5141_ab53, 0x2748_774c_df8e_eb99, 0x34b0_bcb5_e19b_48a8,
    0x391c_0cb3_c5c9_5a63, 0x4ed8_aa4a_e341_8acb, 0x5b9c_ca4f_7763_e373, 0x682e_6ff3_d6b2_b8a3,
    0x748f_82ee_5def_b2fc, 0x78a5_636f_4317_2f60, 0x84c8_7814_a1f0_ab72, 0x8cc7_0208_1a64_39ec,
    0x90be_fffa_2363_1e28, 0xa450_6ceb_de82_bde9, 0xbef9_a3f7_b2c6_7915, 0xc671_78f2_e372_532b,
    0xca27_3ece_ea26_619c, 0xd186_b8c7_21c0_c207, 0xeada_7dd6_cde0_eb1e, 0xf57d_4f7f_ee6e_d178,
    0x06f0_67aa_7217_6fba, 0x0a63_7dc5_a2c8_98a6, 0x113f_9804_bef9_0dae, 0x1b71_0b35_131c_471b,
    0x28db_77f5_2304_7d84, 0x32ca_ab7b_40c7_2493, 0x3c9e_be0a_15c9_bebc, 0x431d_67c4_9c10_0d4c,
    0x4cc5_d4be_cb3e_42b6, 0x597f_299c_fc65_7e2a, 0x5fcb_6fab_3ad6_faec, 0x6c44_198c_4a47_5817,
];

/// `state` after one more block, given as words.
#[inline(always)]
pub(super) fn compress<L: Lanes>(state: &[L; 8], block: &[L; 16]) -> [L; 8] {
    L::outline(
        #[inline(always)]
        || compress_inline(state, block),
    )
}

#[inline(always)]
fn compress_inline<L: Lanes>(state: &[L; 8], block: &[L; 16]) -> [L; 8] {
    let mut words = *block;
    let mut working = *state;
    let (sixteens, _) = ROUNDS.as_chunks::<16>();
    rounds(&mut working, &words, &sixteens[0]);
    for constants in &sixteens[1..] {
        schedule(&mut words);
        rounds(&mut working, &words, constants);
    }
    for (working, state) in working.iter_mut().zip(state) {
        *working = working.add(*state);
    }
    working
}

/// The next sixteen words in place of the last sixteen.
#[inline(always)]
fn schedule<L: Lanes>(words: &mut [L; 16]) {
    for t in 0..16 {
        let early = words[(t + 1) % 16];
        let late = words[(t + 14) % 16];
        let sigma_0 = rotate::<L, 1, 63>(early)
            .xor(rotate::<L, 8, 56>(early))
            .xor(early.shift_right::<7>());
        let sigma_1 = rotate::<L, 19, 45>(late)
            .xor(rotate::<L, 61, 3>(late))
            .xor(late.shift_right::<6>());
        words[t] = words[t].add(sigma_0).add(words[(t + 9) % 16].add(sigma_1));
    }
}

/// Sixteen rounds.
#[inline(always)]
fn rounds<L: Lanes>(working: &mut [L; 8], words: &[L; 16], constants: &[u64; 16]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *working;
    for (word, constant) in words.iter().zip(constants) {
        let sum_1 = rotate::<L, 14, 50>(e)
            .xor(rotate::<L, 18, 46>(e))
            .xor(rotate::<L, 41, 23>(e));
        let choice = g.xor(e.and(f.xor(g)));
        let first = h.add(word.add(L::splat(*constant))).add(choice.add(sum_1));
        let sum_0 = rotate::<L, 28, 36>(a)
            .xor(rotate::<L, 34, 30>(a))
            .xor(rotate::<L, 39, 25>(a));
        let majority = a.and(b).or(c.and(a.or(b)));
        (h, g, f, e) = (g, f, e, d.add(first));
        (d, c, b, a) = (c, b, a, first.add(sum_0.add(majority)));
    }
    *working = [a, b, c, d, e, f, g, h];
}

/// A rotation to the right by `RIGHT`, which equals one to the left by `LEFT = 64 - RIGHT`.
#[inline(always)]
fn rotate<L: Lanes, const RIGHT: i32, const LEFT: i32>(word: L) -> L {
    const { assert!(RIGHT + LEFT == 64, "a rotation of 64 bits") };
    word.shift_right::<RIGHT>().or(word.shift_left::<LEFT>())
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha512};

    use super::super::lanes::Lanes as _;
    use super::super::lanes::model::FloatModel;
    use super::{BLOCK, INITIAL, compress};

    /// Hashes a message by the compression alone, in the lane `lane` beside others.
    fn hash(message: &[u8], lane: usize) -> [u8; 64] {
        let mut padded = message.to_vec();
        padded.push(0x80);
        while padded.len() % BLOCK != BLOCK - 16 {
            padded.push(0);
        }
        padded.extend((8 * message.len() as u128).to_be_bytes());
        let mut state = INITIAL.map(FloatModel::splat);
        for block in padded.as_chunks::<BLOCK>().0 {
            let mut words = [FloatModel::splat(0); 16];
            for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
                let here = u64::from_be_bytes(*bytes);
                *word = FloatModel::load(|i| if i == lane { here } else { !here });
            }
            state = compress(&state, &words);
        }
        let mut hash = [0; 64];
        for (bytes, word) in hash.as_chunks_mut().0.iter_mut().zip(state) {
            *bytes = word.store()[lane].to_be_bytes();
        }
        hash
    }

    #[test]
    fn messages_of_all_lengths_are_hashed_as_by_sha2_in_every_lane() {
        let bytes: Vec<u8> = (0..=255).cycle().take(3 * BLOCK).collect();
        for length in 0..=bytes.len() {
            let message = &bytes[..length];
            let expected: [u8; 64] = Sha512::digest(message).into();
            assert_eq!(hash(message, length % 4), expected, "length {length}");
        }
    }
}
