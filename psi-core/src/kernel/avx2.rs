//! The kernel for x86-64 machines with AVX2 and FMA: [`super::vector`] on 256-bit registers.
//!
//! Spec 02 §4. Chosen at run time; no compiler flag is needed. The only module of this crate that
//! contains `unsafe`.
//!
//! # Safety
//! Every `unsafe` block here calls instructions that exist only with AVX2 and FMA. They are reached
//! in one way: through the methods of [`Avx2`], and a value of that type exists only if
//! [`Avx2::detect`] has found both. `Vector`, the type whose methods hold the instructions, is
//! private to this module and is named nowhere but below those methods.
#![allow(unsafe_code, reason = "vector instructions; the argument stands above")]

mod lanes;

use lanes::Vector;

use super::portable::Portable;
use super::vector;
use super::vector::recode::Digits;
use super::{DecodeFailed, Kernel};
use crate::group::SecretScalar;

/// The kernel on AVX2 and FMA; a value is proof that this machine has them.
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

impl Avx2 {
    /// The kernel, if this machine can run it.
    #[must_use]
    pub fn detect() -> Option<Self> {
        let has_both = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma");
        has_both.then_some(Self(()))
    }
}

impl Kernel for Avx2 {
    fn name(&self) -> &'static str {
        "avx2"
    }

    fn map_mul_encode(&self, uniform: &[[u8; 64]], k: &SecretScalar, out: &mut [[u8; 32]]) {
        let half = Digits::of_half(k);
        // SAFETY: see the head of this module.
        unsafe { map_mul_encode(uniform, &half, out) }
    }

    fn decode_mul_encode(
        &self,
        points: &[[u8; 32]],
        k: &SecretScalar,
        out: &mut [[u8; 32]],
    ) -> Result<(), DecodeFailed> {
        let half = Digits::of_half(k);
        // SAFETY: see the head of this module.
        unsafe { decode_mul_encode(points, &half, out) }
    }

    /// Few multiples of the generator are needed, and a precomputed table serves them better.
    fn base_mul_encode(&self, k: &[SecretScalar], out: &mut [[u8; 32]]) {
        Portable.base_mul_encode(k, out);
    }
}

#[target_feature(enable = "avx2,fma")]
fn map_mul_encode(uniform: &[[u8; 64]], half: &Digits, out: &mut [[u8; 32]]) {
    vector::map_mul_encode::<Vector>(uniform, half, out);
}

#[target_feature(enable = "avx2,fma")]
fn decode_mul_encode(
    points: &[[u8; 32]],
    half: &Digits,
    out: &mut [[u8; 32]],
) -> Result<(), DecodeFailed> {
    vector::decode_mul_encode::<Vector>(points, half, out)
}
