//! The batch kernels: all group arithmetic of the bulk path, behind one interface of bytes in,
//! bytes out.
//!
//! Spec 02 §4. A backend owns the whole path from bytes to bytes, because encoding and decoding
//! cost as much as a third of a multiplication and can only be batched inside. All backends give
//! identical bytes. Calls are single-threaded; [`batch`] spreads them over rayon. [`select`] finds
//! the machine's fastest backend.

#[cfg(target_arch = "x86_64")]
mod avx2;
pub mod batch;
mod choice;
#[cfg(test)]
mod conformance;
#[cfg(test)]
pub(crate) mod counting;
#[cfg(target_arch = "x86_64")]
mod ifma;
pub mod portable;
#[cfg(any(test, target_arch = "x86_64"))]
mod vector;

use sha2::{Digest as _, Sha512, Sha512_256};

use crate::digest::{Digest, Messages};
use crate::group::{SecretScalar, hash_to_uniform};

pub use choice::{Choice, Unavailable, UnknownChoice, available, select};

/// A backend for group arithmetic on batches.
///
/// # Security
/// Implementations are constant-time in the scalars. Which inputs decode is public.
pub trait Kernel: Send + Sync {
    /// A stable name for logs and measurements, such as `portable`.
    fn name(&self) -> &'static str;

    /// `out[i]` = the digest of message `i`. There is one output for each message.
    ///
    /// # Security
    /// What it takes depends on the lengths of the messages, and on nothing else of them.
    fn digest(&self, messages: &Messages, out: &mut [Digest]) {
        digest_one_by_one(messages, out);
    }

    /// `out[i]` = the 64 uniform bytes that `digests[i]` expands to under `domain_tag`. Both slices
    /// have the same length.
    fn expand(&self, domain_tag: &[u8], digests: &[[u8; 32]], out: &mut [[u8; 64]]) {
        expand_one_by_one(domain_tag, digests, out);
    }

    /// `out[i]` = SHA-512 of `prefix` and `points[i]`. Both slices have the same length.
    fn hash_points(&self, prefix: &[u8], points: &[[u8; 32]], out: &mut [[u8; 64]]) {
        hash_one_by_one(prefix, points, out);
    }

    /// `out[i] = encode(k * OneWayMap(uniform[i]))`, the ristretto255 one-way map of RFC 9496
    /// §4.3.4 on 64 uniform bytes. Both slices have the same length.
    fn map_mul_encode(&self, uniform: &[[u8; 64]], k: &SecretScalar, out: &mut [[u8; 32]]);

    /// `out[i] = encode(k * decode(points[i]))`. Both slices have the same length.
    ///
    /// # Errors
    /// [`DecodeFailed`] with the smallest index that is not a canonical encoding (RFC 9496
    /// §4.3.1) or is the identity; `out` is then unspecified.
    fn decode_mul_encode(
        &self,
        points: &[[u8; 32]],
        k: &SecretScalar,
        out: &mut [[u8; 32]],
    ) -> Result<(), DecodeFailed>;

    /// `out[i] = encode(k[i] * G)`, G the generator. Both slices have the same length.
    fn base_mul_encode(&self, k: &[SecretScalar], out: &mut [[u8; 32]]);
}

/// [`Kernel::digest`] with one hash after the other.
///
/// # Panics
/// If the lengths differ: elements left out silently would be a wrong answer.
fn digest_one_by_one(messages: &Messages, out: &mut [Digest]) {
    assert_eq!(
        messages.len(),
        out.len(),
        "inputs and outputs of a kernel have the same length"
    );
    for (out, message) in out.iter_mut().zip(messages.iter()) {
        *out = Sha512_256::digest(message).into();
    }
}

/// [`Kernel::expand`] with one single operation after the other.
///
/// # Panics
/// If the lengths differ: elements left out silently would be a wrong answer.
fn expand_one_by_one(domain_tag: &[u8], digests: &[[u8; 32]], out: &mut [[u8; 64]]) {
    assert_eq!(
        digests.len(),
        out.len(),
        "inputs and outputs of a kernel have the same length"
    );
    for (out, digest) in out.iter_mut().zip(digests) {
        *out = hash_to_uniform(domain_tag, digest);
    }
}

/// [`Kernel::hash_points`] with one hash after the other.
///
/// # Panics
/// If the lengths differ: elements left out silently would be a wrong answer.
fn hash_one_by_one(prefix: &[u8], points: &[[u8; 32]], out: &mut [[u8; 64]]) {
    assert_eq!(
        points.len(),
        out.len(),
        "inputs and outputs of a kernel have the same length"
    );
    let start = Sha512::new().chain_update(prefix);
    for (out, point) in out.iter_mut().zip(points) {
        *out = start.clone().chain_update(point).finalize().into();
    }
}

/// A batch held bytes that are not the canonical encoding of an element other than the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeFailed {
    /// The smallest index in the batch that failed.
    pub index: usize,
    /// Whether that element is the identity (canonical, but never accepted from a peer).
    pub identity: bool,
}
