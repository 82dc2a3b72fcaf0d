//! Group arithmetic on several points at a time, for any machine that offers [`lanes::Lanes`].
//!
//! Spec 02 §4. Every operation is done on independent points at once, one in each 64-bit lane, so
//! no step mixes lanes and nothing needs shuffling. From bottom to top:
//!
//! ```text
//! lanes     64-bit words: multiply-add of floats or of integers, add, shift, select
//! field     GF(2^255 - 19): five limbs of 51 bits, as floats or integers; bounds are types
//! point     doubling and addition on the twisted Edwards curve
//! multiply  a point times the secret scalar, constant-time
//! map, decode, encode   ristretto255 (RFC 9496)
//! recode    the scalar as signed digits
//! digest, sha512   messages of identities to digests
//! expand, sha512   digests to the uniform bytes that are mapped (RFC 9380)
//! prefixed, sha512 points to the hashes that tags are cut from
//! ```
//!
//! All of it is written once and generic over the lanes, except the limb arithmetic below the
//! field, which exists twice. [`super::avx2`] and [`super::ifma`] run it on vector registers. The
//! tests also run it on scalar models of both that check every bound at every step.
#![expect(
    clippy::indexing_slicing,
    reason = "INVARIANT: the arrays are of lanes, limbs, digits and rounds, of constant lengths; an \
              index is a loop counter below them, and no byte of input. The tests run every step"
)]
#![expect(
    clippy::inline_always,
    reason = "see `lanes::Lanes`: outside a function that is compiled for the machine this is slow"
)]
#![expect(
    clippy::many_single_char_names,
    clippy::similar_names,
    reason = "the names of the published formulas"
)]

mod decode;
pub(super) mod digest;
mod encode;
pub(super) mod expand;
pub(super) mod field;
pub(super) mod lanes;
mod map;
mod multiply;
mod point;
pub(super) mod prefixed;
pub(super) mod recode;
mod sha512;

use zeroize::Zeroize as _;

use super::DecodeFailed;
use super::batch::BATCH;
use encode::Doubled;
use lanes::Lanes;
use point::Extended;
use recode::Digits;

/// [`super::Kernel::map_mul_encode`], given the digits of `k / 2`.
///
/// # Panics
/// If the lengths differ: elements left out silently would be a wrong answer.
#[inline(always)]
pub(super) fn map_mul_encode<L: Lanes>(uniform: &[[u8; 64]], half: &Digits, out: &mut [[u8; 32]]) {
    assert_same_length(uniform.len(), out.len());
    let mut batch = Batch::<L>::new();
    for (uniform, out) in uniform.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
        for vector in uniform.chunks(L::LANES) {
            batch.push(&map::map(&Inputs(vector)), half);
        }
        batch.double_and_encode(out);
    }
}

/// [`super::Kernel::decode_mul_encode`], given the digits of `k / 2`.
///
/// # Errors
/// Those of that function.
///
/// # Panics
/// If the lengths differ, like [`map_mul_encode`].
#[inline(always)]
pub(super) fn decode_mul_encode<L: Lanes>(
    points: &[[u8; 32]],
    half: &Digits,
    out: &mut [[u8; 32]],
) -> Result<(), DecodeFailed> {
    assert_same_length(points.len(), out.len());
    let mut batch = Batch::<L>::new();
    let mut index = 0;
    for (points, out) in points.chunks(BATCH).zip(out.chunks_mut(BATCH)) {
        for pair in points.chunks(2 * L::LANES) {
            let (first, second) = pair.split_at(pair.len().min(L::LANES));
            let vectors = [first, if second.is_empty() { first } else { second }];
            let decoded = decode::decode::<L>(&vectors.map(Inputs));
            for (inputs, (point, valid)) in [first, second].into_iter().zip(&decoded) {
                if inputs.is_empty() {
                    break;
                }
                for (bytes, valid) in inputs.iter().zip(valid.store().as_ref()) {
                    let identity = *bytes == [0; 32];
                    if identity || *valid == 0 {
                        return Err(DecodeFailed { index, identity });
                    }
                    index += 1;
                }
                batch.push(point, half);
            }
        }
        batch.double_and_encode(out);
    }
    Ok(())
}

/// The inputs of one vector, as many as there are lanes, or fewer but at least one.
#[derive(Clone, Copy)]
struct Inputs<'a, const N: usize>(&'a [[u8; N]]);

impl<'a, const N: usize> Inputs<'a, N> {
    /// The input of a lane. Lanes without one get the first, and their outputs are unused.
    #[inline(always)]
    fn lane(&self, lane: usize) -> &'a [u8; N] {
        self.0.get(lane).unwrap_or(&self.0[0])
    }
}

/// The multiples of a batch, on their way to be doubled and encoded together.
///
/// # Security
/// Zeroized: projective coordinates of a multiple can reveal something of the scalar.
struct Batch<L: Lanes>(Vec<Doubled<L>>);

impl<L: Lanes> Batch<L> {
    fn new() -> Self {
        Self(Vec::with_capacity(BATCH / L::LANES))
    }

    /// Adds `k / 2` times a point.
    #[inline(always)]
    fn push(&mut self, point: &Extended<L>, half: &Digits) {
        let multiple = multiply::multiply(point, half);
        let doubled = Doubled::new(&multiple, self.0.last());
        self.0.push(doubled);
    }

    /// Encodes the doubles of all points, and empties the batch.
    #[inline(always)]
    fn double_and_encode(&mut self, out: &mut [[u8; 32]]) {
        if let Some(last) = self.0.last() {
            let mut inverse = last.inverse_of_all();
            for (doubled, out) in self.0.iter().zip(out.chunks_mut(L::LANES)).rev() {
                doubled.encode(&mut inverse, out);
            }
        }
        self.0.iter_mut().zeroize();
        self.0.clear();
    }
}

impl<L: Lanes> Drop for Batch<L> {
    fn drop(&mut self) {
        self.0.iter_mut().zeroize();
    }
}

fn assert_same_length(inputs: usize, outputs: usize) {
    assert_eq!(
        inputs, outputs,
        "inputs and outputs of a kernel have the same length"
    );
}
