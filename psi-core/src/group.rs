//! The group: ristretto255 scalars and elements, and hashing to the group.
//!
//! Spec 02 §3. RFC 9496 for encodings, RFC 9497 (suite ristretto255-SHA512) and RFC 9380 for
//! hashing. Single operations live here, batches in [`crate::kernel`]; both are tested against the
//! published vectors. Draws no randomness and knows nothing of lists or messages.

use std::sync::LazyLock;

use curve25519_dalek::ristretto::{CompressedRistretto, RistrettoBasepointTable, RistrettoPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::IsIdentity as _;
use sha2::{Digest as _, Sha512};
use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize as _, ZeroizeOnDrop};

use crate::error::{Code, Error};

/// A secret exponent, never zero.
///
/// # Security
/// Zeroized when dropped, compared in constant time, and neither printed, copied nor encoded.
pub struct SecretScalar(Scalar);

impl SecretScalar {
    /// The 512-bit little-endian number `wide` modulo the group order; `None` if that is zero.
    ///
    /// Uniform bytes give a scalar that is uniform up to 2^-259.
    #[must_use]
    pub fn from_wide_bytes(wide: &[u8; 64]) -> Option<Self> {
        Self::non_zero(Scalar::from_bytes_mod_order_wide(wide))
    }

    /// The scalar with this canonical little-endian encoding; `None` if it is zero or not below
    /// the group order.
    #[must_use]
    pub fn from_canonical_bytes(bytes: [u8; 32]) -> Option<Self> {
        Option::from(Scalar::from_canonical_bytes(bytes)).and_then(Self::non_zero)
    }

    fn non_zero(scalar: Scalar) -> Option<Self> {
        // Whether it is zero is public: it never is, and the caller would draw again.
        (scalar != Scalar::ZERO).then_some(Self(scalar))
    }

    /// The scalar that undoes a multiplication by this one.
    #[must_use]
    pub fn invert(&self) -> Self {
        Self(self.0.invert())
    }

    /// Half of this scalar modulo the group order, for encoders that double as they encode.
    pub(crate) fn half(&self) -> Self {
        Self(self.0.div_by_2())
    }

    /// The scalar in the representation of the arithmetic backend.
    pub(crate) const fn expose(&self) -> &Scalar {
        &self.0
    }
}

impl Drop for SecretScalar {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl ZeroizeOnDrop for SecretScalar {}

impl ConstantTimeEq for SecretScalar {
    fn ct_eq(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

/// An element of the group. A decoded one is canonical and not the identity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Element(RistrettoPoint);

impl Element {
    /// Reads the encoding of an element (RFC 9496 §4.3.1).
    ///
    /// # Errors
    /// [`Code::NonCanonicalElement`] if these bytes are not what [`Self::encode`] gives for some
    /// element; [`Code::IdentityElement`] if that element is the identity.
    pub fn decode(bytes: &[u8; 32]) -> Result<Self, Error> {
        decode_point(bytes)
            .map(Self)
            .map_err(|failed| match failed {
                NotAnElement::Malformed => Error::misbehaved(
                    Code::NonCanonicalElement,
                    "an element is not canonically encoded",
                ),
                NotAnElement::Identity => {
                    Error::misbehaved(Code::IdentityElement, "an element is the identity")
                }
            })
    }

    /// The one encoding of the element (RFC 9496 §4.3.2).
    #[must_use]
    pub fn encode(&self) -> [u8; 32] {
        self.0.compress().to_bytes()
    }

    /// The one-way map from 64 uniform bytes (RFC 9496 §4.3.4).
    #[must_use]
    pub fn from_uniform_bytes(uniform: &[u8; 64]) -> Self {
        Self(RistrettoPoint::from_uniform_bytes(uniform))
    }

    /// `k` times the generator.
    #[must_use]
    pub fn base_mul(k: &SecretScalar) -> Self {
        Self(RistrettoPoint::mul_base(k.expose()))
    }

    /// `k` times this element, in constant time.
    #[must_use]
    pub fn mul(&self, k: &SecretScalar) -> Self {
        Self(self.0 * k.expose())
    }

    /// A table for many multiples of this element, which is public.
    pub(crate) fn table(&self) -> RistrettoBasepointTable {
        RistrettoBasepointTable::create(&self.0)
    }

    /// The sum of two elements. May be the identity, unlike a decoded element.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self(self.0 + other.0)
    }

    /// This element less another. May be the identity, unlike a decoded element.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(self.0 - other.0)
    }

    /// Whether this is the identity. Only a map or a hash could give it, and they never do.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        self.0.is_identity()
    }
}

/// Why bytes from a peer are refused as an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAnElement {
    /// Not a canonical encoding.
    Malformed,
    /// The canonical encoding of the identity.
    Identity,
}

/// The one strict decoder: elements from a peer, single or in batches, all pass through here.
pub(crate) fn decode_point(bytes: &[u8; 32]) -> Result<RistrettoPoint, NotAnElement> {
    let point = CompressedRistretto(*bytes)
        .decompress()
        .ok_or(NotAnElement::Malformed)?;
    // An element has one encoding, so its bytes show whether it is the identity.
    if *bytes == [0; 32] {
        Err(NotAnElement::Identity)
    } else {
        Ok(point)
    }
}

/// Hashes `msg` to the group under the domain-separation tag `dst`: `HashToGroup` of RFC 9497,
/// suite ristretto255-SHA512.
#[must_use]
pub fn hash_to_group(dst: &[u8], msg: &[u8]) -> Element {
    Element::from_uniform_bytes(&hash_to_uniform(dst, msg))
}

/// The 64 bytes that [`hash_to_group`] maps: `expand_message_xmd` of RFC 9380 §5.3.1 with SHA-512
/// and an output of 64 bytes.
///
/// A tag of 256 bytes or more is replaced by its hash, as RFC 9380 §5.3.3 says.
#[must_use]
pub fn hash_to_uniform(dst: &[u8], msg: &[u8]) -> [u8; 64] {
    let hashed: [u8; 64];
    let (dst, dst_length) = if let Ok(length) = u8::try_from(dst.len()) {
        (dst, length)
    } else {
        hashed = Sha512::new()
            .chain_update(b"H2C-OVERSIZE-DST-")
            .chain_update(dst)
            .finalize()
            .into();
        (hashed.as_slice(), 64)
    };
    // 64 bytes are one SHA-512 output, so the expansion ends after b_1.
    let b_0 = AFTER_ZERO_BLOCK
        .clone()
        .chain_update(msg)
        .chain_update(64_u16.to_be_bytes())
        .chain_update([0])
        .chain_update(dst)
        .chain_update([dst_length])
        .finalize();
    let b_1 = Sha512::new()
        .chain_update(b_0)
        .chain_update([1])
        .chain_update(dst)
        .chain_update([dst_length])
        .finalize();
    b_1.into()
}

const SHA512_BLOCK_BYTES: usize = 128;

/// SHA-512 after the block of zeros that every expansion starts with. It saves a third of the cost
/// for the messages of this crate, which fill one more block each for `b_0` and `b_1`.
static AFTER_ZERO_BLOCK: LazyLock<Sha512> =
    LazyLock::new(|| Sha512::new().chain_update([0; SHA512_BLOCK_BYTES]));

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod vectors;
