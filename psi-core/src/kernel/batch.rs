//! Spreads kernel calls over rayon's threads in pieces of one fixed size.
//!
//! Spec 02 §4. The sessions make all their bulk calls through here. The pieces depend on the length
//! of a list alone, never on how many threads there are or on what the list holds. So the number of
//! kernel calls is a function of public sizes.

use rayon::iter::{IndexedParallelIterator as _, ParallelIterator as _};
use rayon::slice::{ParallelSlice as _, ParallelSliceMut as _};
use zeroize::Zeroizing;

use super::portable::table_mul_encode;
use super::{DecodeFailed, Kernel};
use crate::group::{Element, SecretScalar};

/// Elements of one kernel call. Large enough that the shared inversion costs a hundredth of a
/// multiplication for each element, small enough that the last pieces keep all threads busy and
/// that a piece stays in a core's cache (about 200 bytes for each element).
pub const BATCH: usize = 128;

/// Threads that one batch of a session, some thousand elements, keeps busy: of its sixty-four pieces
/// each thread takes eight, so that waiting for the last costs a ninth.
const THREADS_PER_BATCH: usize = 8;

/// Batches that are multiplied at once at most, so that what they take stays little.
const BATCHES_AT_ONCE_MAX: usize = 4;

/// How many batches a session multiplies at once on `threads` threads.
#[must_use]
pub fn batches_on(threads: usize) -> usize {
    (threads / THREADS_PER_BATCH).clamp(1, BATCHES_AT_ONCE_MAX)
}

/// [`batches_on`] as many threads as rayon has here.
#[must_use]
pub fn batches_at_once() -> usize {
    batches_on(rayon::current_num_threads())
}

/// [`Kernel::map_mul_encode`] over a list of any length.
///
/// # Panics
/// If the slices differ in length.
pub fn map_mul_encode(
    kernel: &dyn Kernel,
    uniform: &[[u8; 64]],
    k: &SecretScalar,
    out: &mut [[u8; 32]],
) {
    assert_same_length(uniform.len(), out.len());
    uniform
        .par_chunks(BATCH)
        .zip(out.par_chunks_mut(BATCH))
        .for_each(|(uniform, out)| kernel.map_mul_encode(uniform, k, out));
}

/// `out[i] = encode(k * H(digests[i]))` over a list of any length, H the hash to the group under
/// `domain_tag`.
///
/// # Panics
/// If the slices differ in length.
pub fn hash_mul_encode(
    kernel: &dyn Kernel,
    domain_tag: &[u8],
    digests: &[[u8; 32]],
    k: &SecretScalar,
    out: &mut [[u8; 32]],
) {
    assert_same_length(digests.len(), out.len());
    digests
        .par_chunks(BATCH)
        .zip(out.par_chunks_mut(BATCH))
        .for_each(|(digests, out)| {
            // These let their holder test guesses of identifiers, as the digests themselves do.
            let mut uniform = Zeroizing::new([[0; 64]; BATCH]);
            let (uniform, _) = uniform.split_at_mut(digests.len());
            kernel.expand(domain_tag, digests, uniform);
            kernel.map_mul_encode(uniform, k, out);
        });
}

/// [`Kernel::decode_mul_encode`] over a list of any length.
///
/// # Errors
/// [`DecodeFailed`] with the smallest index of the whole list that fails; `out` is then
/// unspecified.
///
/// # Panics
/// If the slices differ in length.
pub fn decode_mul_encode(
    kernel: &dyn Kernel,
    points: &[[u8; 32]],
    k: &SecretScalar,
    out: &mut [[u8; 32]],
) -> Result<(), DecodeFailed> {
    assert_same_length(points.len(), out.len());
    let first = points
        .par_chunks(BATCH)
        .zip(out.par_chunks_mut(BATCH))
        .enumerate()
        .filter_map(|(piece, (points, out))| {
            let failed = kernel.decode_mul_encode(points, k, out).err()?;
            Some(DecodeFailed {
                index: piece * BATCH + failed.index,
                ..failed
            })
        })
        .min_by_key(|failed| failed.index);
    first.map_or(Ok(()), Err)
}

/// [`Kernel::base_mul_encode`] over a list of any length.
///
/// # Panics
/// If the slices differ in length.
pub fn base_mul_encode(kernel: &dyn Kernel, k: &[SecretScalar], out: &mut [[u8; 32]]) {
    assert_same_length(k.len(), out.len());
    k.par_chunks(BATCH)
        .zip(out.par_chunks_mut(BATCH))
        .for_each(|(k, out)| kernel.base_mul_encode(k, out));
}

/// `out[i] = encode(k[i] * element)` over a list of any length, from a table of the element. Each
/// scalar costs some 60 additions, the table a few hundred.
///
/// # Panics
/// If the slices differ in length.
pub fn multiples_encode(element: &Element, k: &[SecretScalar], out: &mut [[u8; 32]]) {
    assert_same_length(k.len(), out.len());
    let table = element.table();
    k.par_chunks(BATCH)
        .zip(out.par_chunks_mut(BATCH))
        .for_each(|(k, out)| table_mul_encode(&table, k, out));
}

fn assert_same_length(inputs: usize, outputs: usize) {
    assert_eq!(
        inputs, outputs,
        "inputs and outputs of a kernel have the same length"
    );
}
