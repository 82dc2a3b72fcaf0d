//! A kernel that counts what another one is asked to do.
//!
//! Spec 04 §3. It gives the evidence that the work of a job depends on registered sizes alone:
//! tests run one job with filters that pass nothing, something and everything, and compare
//! [`Work`]. Compiled for tests alone.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{DecodeFailed, Kernel};
use crate::digest::{Digest, Messages};
use crate::group::SecretScalar;

/// What a kernel was asked to do so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Work {
    /// Calls of any function.
    pub(crate) calls: u64,
    /// Elements mapped and multiplied.
    pub(crate) mapped: u64,
    /// Elements decoded and multiplied.
    pub(crate) decoded: u64,
    /// Multiples of the generator.
    pub(crate) base: u64,
}

/// Counts calls and elements, and lets `K` do the work.
#[derive(Debug, Default)]
pub(crate) struct Counting<K> {
    kernel: K,
    calls: AtomicU64,
    mapped: AtomicU64,
    decoded: AtomicU64,
    base: AtomicU64,
}

impl<K: Kernel> Counting<K> {
    /// Counts from zero what `kernel` does.
    pub(crate) const fn new(kernel: K) -> Self {
        Self {
            kernel,
            calls: AtomicU64::new(0),
            mapped: AtomicU64::new(0),
            decoded: AtomicU64::new(0),
            base: AtomicU64::new(0),
        }
    }

    /// What was done so far. Exact once the calls have returned.
    pub(crate) fn work(&self) -> Work {
        Work {
            calls: self.calls.load(Ordering::Relaxed),
            mapped: self.mapped.load(Ordering::Relaxed),
            decoded: self.decoded.load(Ordering::Relaxed),
            base: self.base.load(Ordering::Relaxed),
        }
    }

    fn count(&self, elements: &AtomicU64, number: usize) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        elements.fetch_add(number as u64, Ordering::Relaxed);
    }
}

impl<K: Kernel> Kernel for Counting<K> {
    fn name(&self) -> &'static str {
        self.kernel.name()
    }

    /// Not counted: sessions start from digests.
    fn digest(&self, messages: &Messages, out: &mut [Digest]) {
        self.kernel.digest(messages, out);
    }

    /// Not counted: each element that is mapped needs one.
    fn expand(&self, domain_tag: &[u8], digests: &[[u8; 32]], out: &mut [[u8; 64]]) {
        self.kernel.expand(domain_tag, digests, out);
    }

    /// Not counted: each tag needs one.
    fn hash_points(&self, prefix: &[u8], points: &[[u8; 32]], out: &mut [[u8; 64]]) {
        self.kernel.hash_points(prefix, points, out);
    }

    fn map_mul_encode(&self, uniform: &[[u8; 64]], k: &SecretScalar, out: &mut [[u8; 32]]) {
        self.count(&self.mapped, uniform.len());
        self.kernel.map_mul_encode(uniform, k, out);
    }

    fn decode_mul_encode(
        &self,
        points: &[[u8; 32]],
        k: &SecretScalar,
        out: &mut [[u8; 32]],
    ) -> Result<(), DecodeFailed> {
        self.count(&self.decoded, points.len());
        self.kernel.decode_mul_encode(points, k, out)
    }

    fn base_mul_encode(&self, k: &[SecretScalar], out: &mut [[u8; 32]]) {
        self.count(&self.base, k.len());
        self.kernel.base_mul_encode(k, out);
    }
}
