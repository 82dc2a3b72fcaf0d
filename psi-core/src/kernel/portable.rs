//! The kernel that runs everywhere: curve25519-dalek, which picks its own vector backend.
//!
//! Spec 02 §4. Cost of one element: one variable-base multiplication (`base_mul_encode`: a quarter
//! of one, from a table), plus a map or a square root to decode. Encoding is shared: multiplying by
//! `k/2` and letting the encoder double takes one field inversion for a whole batch, instead of an
//! inverse square root for each element.

use curve25519_dalek::constants::RISTRETTO_BASEPOINT_TABLE;
use curve25519_dalek::ristretto::{RistrettoBasepointTable, RistrettoPoint};

use super::{DecodeFailed, Kernel};
use crate::group::{NotAnElement, SecretScalar, decode_point};

/// The kernel over curve25519-dalek; every other kernel must give the same bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Portable;

impl Kernel for Portable {
    fn name(&self) -> &'static str {
        "portable"
    }

    fn map_mul_encode(&self, uniform: &[[u8; 64]], k: &SecretScalar, out: &mut [[u8; 32]]) {
        let half = k.half();
        let halves: Vec<RistrettoPoint> = uniform
            .iter()
            .map(|bytes| RistrettoPoint::from_uniform_bytes(bytes) * half.expose())
            .collect();
        double_and_encode(&halves, out);
    }

    fn decode_mul_encode(
        &self,
        points: &[[u8; 32]],
        k: &SecretScalar,
        out: &mut [[u8; 32]],
    ) -> Result<(), DecodeFailed> {
        let half = k.half();
        let mut halves = Vec::with_capacity(points.len());
        for (index, bytes) in points.iter().enumerate() {
            let point = decode_point(bytes).map_err(|why| DecodeFailed {
                index,
                identity: why == NotAnElement::Identity,
            })?;
            halves.push(point * half.expose());
        }
        double_and_encode(&halves, out);
        Ok(())
    }

    fn base_mul_encode(&self, k: &[SecretScalar], out: &mut [[u8; 32]]) {
        table_mul_encode(RISTRETTO_BASEPOINT_TABLE, k, out);
    }
}

/// `out[i] = encode(k[i] * P)`, `P` being the point of the table. Constant time in the scalars.
///
/// # Panics
/// If the slices differ in length.
pub(super) fn table_mul_encode(
    table: &RistrettoBasepointTable,
    k: &[SecretScalar],
    out: &mut [[u8; 32]],
) {
    let halves: Vec<RistrettoPoint> = k.iter().map(|k| k.half().expose() * table).collect();
    double_and_encode(&halves, out);
}

/// `out[i] = encode(2 * halves[i])`.
///
/// # Panics
/// If the lengths differ: elements left out silently would be a wrong answer.
fn double_and_encode(halves: &[RistrettoPoint], out: &mut [[u8; 32]]) {
    assert_eq!(
        halves.len(),
        out.len(),
        "inputs and outputs of a kernel have the same length"
    );
    let encoded = RistrettoPoint::double_and_compress_batch(halves);
    for (bytes, point) in out.iter_mut().zip(encoded) {
        *bytes = point.to_bytes();
    }
}
