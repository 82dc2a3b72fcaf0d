//! The 128 base transfers: at the end, the Receiver holds two keys per column. The Sender holds one
//! of each two, chosen by the bits of Delta.
//!
//! Spec 11 §3. D. Masny, P. Rindal, "Endemic Oblivious Transfer" (CCS 2019; ePrint 2019/706), Fig.
//! 8, on ristretto255, with one fresh key of the answering side for each transfer. The roles are
//! reversed, as IKNP03 needs them: the Sender, which holds the payload, chooses.
//!
//! # Discussion
//! The OT of Chou and Orlandi (LATINCRYPT 2015) costs less, but gaps were found in its proof for
//! use inside another protocol. This one is proved for that use, in one round. Its weakness is that
//! a party which deviates may fix keys of its own. An extension tolerates that: IKNP assumes anyway
//! that the Receiver chooses both keys. And a Sender that chooses the key it learns still does not
//! know the other, which hides the Receiver's bits.

use rayon::prelude::*;
use sha2::{Digest as _, Sha512};
use subtle::{Choice, ConditionallySelectable as _};
use zeroize::Zeroizing;

use super::columns::{COLUMNS, ColumnSeed};
use super::setup::TransferSetup;
use crate::error::{Code, Error};
use crate::group::{Element, SecretScalar, hash_to_group};
use crate::seed::SeedStream;

/// Bytes of the Sender's message: two points per transfer.
pub const BASE_POINTS_BYTES: usize = COLUMNS * 64;

/// Bytes of the Receiver's message: one point per transfer.
pub const BASE_KEYS_BYTES: usize = COLUMNS * 32;

/// The domain-separation tag of the hash to the group.
const GROUP_TAG: &[u8] = b"psi/v1/ot/group";

/// The Sender's side of all transfers, until the answer comes.
pub(super) struct Choosing {
    /// The discrete logarithm, to the Receiver's later point as base, of each chosen branch.
    exponents: Vec<SecretScalar>,
    delta: Zeroizing<u128>,
    /// What was sent.
    points: Vec<u8>,
}

/// Chooses, in each transfer, the branch that the bit of `delta` names. The message is
/// [`Choosing::message`].
///
/// Per transfer: a random scalar `y`, a random point `r` for the branch that is not chosen, and
/// `y*G - H(r)` for the one that is. Both are uniform, so the message reveals nothing about
/// `delta`.
///
/// # Security
/// Constant time in `delta`: the branch enters as data.
pub(super) fn choose(setup: &TransferSetup, delta: u128, stream: &mut SeedStream) -> Choosing {
    let drawn: Vec<(SecretScalar, Element)> = (0..COLUMNS)
        .map(|_| {
            let exponent = stream.scalar();
            let mut uniform = Zeroizing::new([0; 64]);
            stream.fill(uniform.as_mut());
            (exponent, Element::from_uniform_bytes(&uniform))
        })
        .collect();
    let points: Vec<[u8; 64]> = drawn
        .par_iter()
        .enumerate()
        .map(|(transfer, (exponent, other))| {
            let bit = bit(delta, transfer);
            // Secret, both of them: with either one, the message reveals which point was drawn, and
            // so a bit of Delta.
            let other = Zeroizing::new(other.encode());
            let hashed = to_group(setup, transfer, bit, &other);
            let own = Zeroizing::new(Element::base_mul(exponent).minus(&hashed).encode());
            let mut points = [0; 64];
            let (first, second) = points.split_at_mut(32);
            let chosen = Choice::from(bit);
            let places = first
                .iter_mut()
                .zip(second)
                .zip(own.iter().zip(other.iter()));
            for ((first, second), (own, other)) in places {
                *first = u8::conditional_select(own, other, chosen);
                *second = u8::conditional_select(other, own, chosen);
            }
            points
        })
        .collect();
    Choosing {
        exponents: drawn.into_iter().map(|(exponent, _)| exponent).collect(),
        delta: Zeroizing::new(delta),
        points: points.into_flattened(),
    }
}

impl Choosing {
    /// Sent: [`BASE_POINTS_BYTES`], the points of branch 0 and 1 of each transfer.
    pub(super) fn message(&self) -> &[u8] {
        &self.points
    }

    /// The chosen key of each transfer.
    ///
    /// # Errors
    /// [`Code::MalformedMessage`] if `keys` has another length than [`BASE_KEYS_BYTES`];
    /// [`Code::NonCanonicalElement`] or [`Code::IdentityElement`].
    pub(super) fn finish(
        &self,
        setup: &TransferSetup,
        keys: &[u8],
    ) -> Result<Vec<ColumnSeed>, Error> {
        let keys = records::<32, BASE_KEYS_BYTES>(keys)?;
        let points = records::<64, BASE_POINTS_BYTES>(&self.points)?;
        (keys, points, &self.exponents)
            .into_par_iter()
            .enumerate()
            .map(|(transfer, (key, points, exponent))| {
                let shared = Element::decode(key)?.mul(exponent);
                let branch = bit(*self.delta, transfer);
                Ok(column_seed(setup, transfer, branch, points, key, &shared))
            })
            .collect()
    }
}

/// The Receiver's side of all transfers.
pub(super) struct Answered {
    /// Kept: the keys of branch 0 and of branch 1.
    pub(super) seeds: [Vec<ColumnSeed>; 2],
    /// Sent: [`BASE_KEYS_BYTES`].
    pub(super) message: Vec<u8>,
}

/// Answers the Sender's `points`: per transfer, a point `a*G`, and both keys made from it:
/// `a*(r_0 + H(r_1))` and `a*(r_1 + H(r_0))`, hashed.
///
/// # Errors
/// [`Code::MalformedMessage`] if `points` has another length than [`BASE_POINTS_BYTES`];
/// [`Code::NonCanonicalElement`] or [`Code::IdentityElement`].
///
/// # Security
/// The Sender can know the discrete logarithm of only one of the two sums: whichever hash it asks
/// for last decides the other sum, after its point is fixed.
pub(super) fn answer(
    setup: &TransferSetup,
    points: &[u8],
    stream: &mut SeedStream,
) -> Result<Answered, Error> {
    let points = records::<64, BASE_POINTS_BYTES>(points)?;
    let scalars: Vec<SecretScalar> = (0..COLUMNS).map(|_| stream.scalar()).collect();
    let answers = (points, &scalars)
        .into_par_iter()
        .enumerate()
        .map(|(transfer, (points, scalar))| {
            let key = Element::base_mul(scalar).encode();
            let (first, second) = halves(points);
            let elements = (Element::decode(first)?, Element::decode(second)?);
            let seed = |branch: u8, own: &Element, other: &[u8; 32]| {
                let hashed = to_group(setup, transfer, branch, other);
                let shared = own.plus(&hashed).mul(scalar);
                column_seed(setup, transfer, branch, points, &key, &shared)
            };
            Ok((
                key,
                seed(0, &elements.0, second),
                seed(1, &elements.1, first),
            ))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let mut answered = Answered {
        seeds: [Vec::with_capacity(COLUMNS), Vec::with_capacity(COLUMNS)],
        message: Vec::with_capacity(BASE_KEYS_BYTES),
    };
    for (key, first, second) in answers {
        answered.message.extend_from_slice(&key);
        answered.seeds[0].push(first);
        answered.seeds[1].push(second);
    }
    Ok(answered)
}

/// Cuts a message of exactly `TOTAL` bytes into its records.
fn records<const WIDTH: usize, const TOTAL: usize>(
    message: &[u8],
) -> Result<&[[u8; WIDTH]], Error> {
    if message.len() == TOTAL {
        Ok(message.as_chunks::<WIDTH>().0)
    } else {
        let detail = "the length of a message of the base transfers";
        Err(Error::misbehaved(Code::MalformedMessage, detail))
    }
}

/// The two points of one transfer.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: 64 bytes are two chunks of 32"
)]
fn halves(points: &[u8; 64]) -> (&[u8; 32], &[u8; 32]) {
    let (halves, _) = points.as_chunks::<32>();
    (&halves[0], &halves[1])
}

/// Bit `transfer` of `delta`, 0 or 1.
#[expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: transfers are numbered below COLUMNS, the bits of `delta`"
)]
fn bit(delta: u128, transfer: usize) -> u8 {
    delta.to_le_bytes()[transfer / 8] >> (transfer % 8) & 1
}

/// The oracle of one branch of one transfer: each branch has its own.
fn to_group(setup: &TransferSetup, transfer: usize, branch: u8, point: &[u8; 32]) -> Element {
    let name = [number(transfer), branch];
    let message = [setup.context().as_slice(), &name, point].concat();
    hash_to_group(GROUP_TAG, &message)
}

/// The key of one branch of one transfer, bound to everything that was sent in it.
fn column_seed(
    setup: &TransferSetup,
    transfer: usize,
    branch: u8,
    points: &[u8; 64],
    key: &[u8; 32],
    shared: &Element,
) -> ColumnSeed {
    let mut hash: [u8; 64] = Sha512::new()
        .chain_update(b"psi/v1/ot/column")
        .chain_update(setup.context())
        .chain_update([number(transfer), branch])
        .chain_update(points)
        .chain_update(key)
        .chain_update(shared.encode())
        .finalize()
        .into();
    let mut seed = Zeroizing::new([0; 16]);
    seed.copy_from_slice(&hash[..16]);
    zeroize::Zeroize::zeroize(&mut hash);
    seed
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "transfers are numbered from 0 to 127"
)]
const fn number(transfer: usize) -> u8 {
    transfer as u8
}
