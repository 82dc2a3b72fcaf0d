//! The kernel for x86-64 machines with AVX-512 and its 52-bit multiply-add (IFMA):
//! [`super::vector`] on 512-bit registers.
//!
//! Spec 02 §4. Chosen at run time; no compiler flag is needed. Apart from [`super::avx2`], only
//! this module of the crate contains `unsafe`.
//!
//! # Safety
//! Every `unsafe` block here runs instructions that exist only with the extensions that
//! [`Ifma::detect`] looks for, and nothing else: no pointer is read or written. They are reached in
//! one way: through the methods of [`Ifma`]. A value of that type exists only if all extensions
//! have been found. `Vector`, the type whose methods hold the instructions, is private to this
//! module; only code below those methods names it.
#![allow(unsafe_code, reason = "vector instructions; see Safety above")]
#![expect(clippy::inline_always, reason = "as in `vector`")]

mod lanes;
#[cfg(test)]
mod tests;

use lanes::Vector;

use super::portable::Portable;
use super::vector;
use super::vector::recode::Digits;
use super::{DecodeFailed, Kernel};
use crate::digest::{Digest, Messages};
use crate::group::SecretScalar;

/// The kernel on AVX-512 IFMA; a value is proof that this machine has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ifma(());

impl Ifma {
    /// The kernel, if this machine can run it.
    #[must_use]
    pub(super) fn detect() -> Option<Self> {
        let has_all = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512ifma");
        has_all.then_some(Self(()))
    }

    /// [`Kernel::map_mul_encode`], given the digits of `k / 2`.
    #[expect(clippy::unused_self, reason = "it is the proof that the call is sound")]
    fn map_mul_encode_half(self, uniform: &[[u8; 64]], half: &Digits, out: &mut [[u8; 32]]) {
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        fn run(uniform: &[[u8; 64]], half: &Digits, out: &mut [[u8; 32]]) {
            vector::map_mul_encode::<Vector>(uniform, half, out);
        }
        // SAFETY: see the head of this module.
        unsafe { run(uniform, half, out) }
    }

    /// [`Kernel::decode_mul_encode`], given the digits of `k / 2`.
    #[expect(clippy::unused_self, reason = "it is the proof that the call is sound")]
    fn decode_mul_encode_half(
        self,
        points: &[[u8; 32]],
        half: &Digits,
        out: &mut [[u8; 32]],
    ) -> Result<(), DecodeFailed> {
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        fn run(
            points: &[[u8; 32]],
            half: &Digits,
            out: &mut [[u8; 32]],
        ) -> Result<(), DecodeFailed> {
            vector::decode_mul_encode::<Vector>(points, half, out)
        }
        // SAFETY: see the head of this module.
        unsafe { run(points, half, out) }
    }
}

impl Kernel for Ifma {
    fn name(&self) -> &'static str {
        "ifma"
    }

    fn digest(&self, messages: &Messages, out: &mut [Digest]) {
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        fn run(messages: &Messages, out: &mut [Digest]) {
            vector::digest::digest::<Vector>(messages, out);
        }
        // SAFETY: see the head of this module.
        unsafe { run(messages, out) }
    }

    fn expand(&self, domain_tag: &[u8], digests: &[[u8; 32]], out: &mut [[u8; 64]]) {
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        fn run(domain_tag: &[u8], digests: &[[u8; 32]], out: &mut [[u8; 64]]) {
            vector::expand::expand::<Vector>(domain_tag, digests, out);
        }
        // SAFETY: see the head of this module.
        unsafe { run(domain_tag, digests, out) }
    }

    fn hash_points(&self, prefix: &[u8], points: &[[u8; 32]], out: &mut [[u8; 64]]) {
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma")]
        fn run(prefix: &[u8], points: &[[u8; 32]], out: &mut [[u8; 64]]) {
            vector::prefixed::hash_points::<Vector>(prefix, points, out);
        }
        // SAFETY: see the head of this module.
        unsafe { run(prefix, points, out) }
    }

    fn map_mul_encode(&self, uniform: &[[u8; 64]], k: &SecretScalar, out: &mut [[u8; 32]]) {
        self.map_mul_encode_half(uniform, &Digits::of_half(k), out);
    }

    fn decode_mul_encode(
        &self,
        points: &[[u8; 32]],
        k: &SecretScalar,
        out: &mut [[u8; 32]],
    ) -> Result<(), DecodeFailed> {
        self.decode_mul_encode_half(points, &Digits::of_half(k), out)
    }

    /// Few multiples of the generator are needed, and a precomputed table serves them better.
    fn base_mul_encode(&self, k: &[SecretScalar], out: &mut [[u8; 32]]) {
        Portable.base_mul_encode(k, out);
    }
}
