//! Kernels that exist for tests: the vector kernels on models, and any kernel spread over threads.

use std::marker::PhantomData;

use super::super::portable::Portable;
use super::super::vector::lanes::Lanes;
use super::super::vector::recode::Digits;
use super::super::{DecodeFailed, Kernel, batch, vector};
use crate::group::SecretScalar;

/// The vector kernel on a scalar model of the lanes, which checks every bound on the way.
pub(super) struct Modelled<L>(PhantomData<L>);

impl<L> Modelled<L> {
    pub(super) const NEW: Self = Self(PhantomData);
}

impl<L: Lanes + Send + Sync> Kernel for Modelled<L> {
    fn name(&self) -> &'static str {
        "model"
    }

    fn map_mul_encode(&self, uniform: &[[u8; 64]], k: &SecretScalar, out: &mut [[u8; 32]]) {
        vector::map_mul_encode::<L>(uniform, &Digits::of_half(k), out);
    }

    fn decode_mul_encode(
        &self,
        points: &[[u8; 32]],
        k: &SecretScalar,
        out: &mut [[u8; 32]],
    ) -> Result<(), DecodeFailed> {
        vector::decode_mul_encode::<L>(points, &Digits::of_half(k), out)
    }

    fn base_mul_encode(&self, k: &[SecretScalar], out: &mut [[u8; 32]]) {
        Portable.base_mul_encode(k, out);
    }
}

/// Runs a kernel through [`batch`], so that the same tests cover the spreading over threads.
pub(super) struct Spread<'a>(pub(super) &'a dyn Kernel);

impl Kernel for Spread<'_> {
    fn name(&self) -> &'static str {
        "spread"
    }

    fn map_mul_encode(&self, uniform: &[[u8; 64]], k: &SecretScalar, out: &mut [[u8; 32]]) {
        batch::map_mul_encode(self.0, uniform, k, out);
    }

    fn decode_mul_encode(
        &self,
        points: &[[u8; 32]],
        k: &SecretScalar,
        out: &mut [[u8; 32]],
    ) -> Result<(), DecodeFailed> {
        batch::decode_mul_encode(self.0, points, k, out)
    }

    fn base_mul_encode(&self, k: &[SecretScalar], out: &mut [[u8; 32]]) {
        batch::base_mul_encode(self.0, k, out);
    }
}
