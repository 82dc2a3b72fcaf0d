//! What every [`Kernel`] must do, as one test for all of them: the published vectors, the single
//! operations of [`crate::group`] on random input, scalars at the edges, and bytes that do not
//! decode.

mod kernels;

use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng as _, SeedableRng as _};
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest as _, Sha512, Sha512_256};

use super::portable::Portable;
use super::vector::lanes::model::{FloatModel, IntegerModel};
use super::{DecodeFailed, Kernel, available, batch};
use crate::digest::Messages;
use crate::group::{Element, SecretScalar, hash_to_uniform, vectors};
use kernels::{Modelled, Spread};

/// Longer lengths at which a batched kernel changes its path. All lengths up to [`LENGTH_SHORT`],
/// one more than twice two vectors of eight, are tested as well.
const LENGTHS_LONG: [usize; 4] = [127, 128, 129, 130];
const LENGTH_SHORT: usize = 33;

fn check(kernel: &dyn Kernel) {
    vectors_of_rfc_9496_and_9497(kernel);
    messages_of_equal_lengths_have_the_digests_of_sha2(kernel);
    messages_of_mixed_lengths_have_the_digests_of_sha2(kernel);
    for length in (0..=LENGTH_SHORT).chain(LENGTHS_LONG) {
        every_digest_expands_as_by_the_single_operation(kernel, length);
        every_point_hashes_as_one_message(kernel, length);
    }
    for (round, length) in (0..).zip((0..=LENGTH_SHORT).chain(LENGTHS_LONG)) {
        every_output_is_that_of_the_single_operation(kernel, round, length);
    }
    scalars_at_the_edges(kernel);
    the_smallest_index_that_does_not_decode_is_reported(kernel);
    valid_and_invalid_encodings_in_any_mixture(kernel);
}

pub(super) struct Random(ChaCha20Rng);

impl Random {
    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    fn vec(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    fn scalar(&mut self) -> SecretScalar {
        SecretScalar::from_wide_bytes(&self.bytes()).unwrap()
    }

    fn point(&mut self) -> [u8; 32] {
        Element::from_uniform_bytes(&self.bytes()).encode()
    }
}

pub(super) fn random(seed: u8) -> Random {
    Random(ChaCha20Rng::from_seed([seed; 32]))
}

fn small(k: u8) -> SecretScalar {
    let mut bytes = [0; 32];
    bytes[0] = k;
    SecretScalar::from_canonical_bytes(bytes).unwrap()
}

fn map(kernel: &dyn Kernel, uniform: &[[u8; 64]], k: &SecretScalar) -> Vec<[u8; 32]> {
    let mut out = vec![[0xaa; 32]; uniform.len()];
    kernel.map_mul_encode(uniform, k, &mut out);
    out
}

fn mul(
    kernel: &dyn Kernel,
    points: &[[u8; 32]],
    k: &SecretScalar,
) -> Result<Vec<[u8; 32]>, DecodeFailed> {
    let mut out = vec![[0xaa; 32]; points.len()];
    kernel.decode_mul_encode(points, k, &mut out)?;
    Ok(out)
}

fn vectors_of_rfc_9496_and_9497(kernel: &dyn Kernel) {
    let multiples = vectors::generator_multiples();
    let scalars: Vec<SecretScalar> = (1..16).map(small).collect();
    let mut out = vec![[0; 32]; 15];
    kernel.base_mul_encode(&scalars, &mut out);
    assert_eq!(out, multiples[1..]);
    for k in 1..=7 {
        let doubled = mul(kernel, &[multiples[1], multiples[2]], &small(k)).unwrap();
        assert_eq!(
            doubled,
            [multiples[usize::from(k)], multiples[2 * usize::from(k)]]
        );
    }
    for (reason, bytes) in vectors::invalid_encodings() {
        let failed = mul(kernel, &[multiples[1], bytes], &small(1));
        assert_eq!(
            failed,
            Err(DecodeFailed {
                index: 1,
                identity: false
            }),
            "{reason}"
        );
    }
    let (inputs, outputs): (Vec<_>, Vec<_>) = vectors::one_way_map().into_iter().unzip();
    assert_eq!(map(kernel, &inputs, &small(1)), outputs);

    let (key, oprf) = vectors::oprf();
    let secret = SecretScalar::from_canonical_bytes(key.secret).unwrap();
    let dst = [&b"HashToGroup-OPRFV1-"[..], &[0], b"-ristretto255-SHA512"].concat();
    for vector in oprf {
        let blind = SecretScalar::from_canonical_bytes(vector.blind).unwrap();
        let uniform = [hash_to_uniform(&dst, &vector.input)];
        assert_eq!(map(kernel, &uniform, &blind), [vector.blinded]);
        assert_eq!(
            mul(kernel, &[vector.blinded], &secret).unwrap(),
            [vector.evaluated]
        );
        let unblinded = mul(kernel, &[vector.evaluated], &blind.invert()).unwrap();
        assert_eq!(unblinded, map(kernel, &uniform, &secret));
    }
}

fn every_output_is_that_of_the_single_operation(kernel: &dyn Kernel, seed: u8, length: usize) {
    let mut random = random(seed);
    let k = random.scalar();
    let uniform: Vec<[u8; 64]> = (0..length).map(|_| random.bytes()).collect();
    let expected: Vec<[u8; 32]> = uniform
        .iter()
        .map(|bytes| Element::from_uniform_bytes(bytes).mul(&k).encode())
        .collect();
    assert_eq!(map(kernel, &uniform, &k), expected, "length {length}");

    let points: Vec<[u8; 32]> = (0..length).map(|_| random.point()).collect();
    let single = |bytes| {
        Element::decode(bytes)
            .map(|point| point.mul(&k).encode())
            .ok()
    };
    let expected: Vec<[u8; 32]> = points.iter().filter_map(single).collect();
    assert_eq!(mul(kernel, &points, &k), Ok(expected), "length {length}");

    let scalars: Vec<SecretScalar> = (0..length).map(|_| random.scalar()).collect();
    let expected: Vec<[u8; 32]> = scalars
        .iter()
        .map(|scalar| Element::base_mul(scalar).encode())
        .collect();
    let mut out = vec![[0xaa; 32]; length];
    kernel.base_mul_encode(&scalars, &mut out);
    assert_eq!(out, expected, "length {length}");
}

fn every_digest_expands_as_by_the_single_operation(kernel: &dyn Kernel, length: usize) {
    let mut random = random(63);
    let digests: Vec<[u8; 32]> = (0..length).map(|_| random.bytes()).collect();
    // 45 bytes is the longest tag that leaves room for everything else in a block.
    for tag in [&b""[..], b"psi/v1/text", &[7; 45], &[7; 46], &[7; 256]] {
        let expected: Vec<[u8; 64]> = digests
            .iter()
            .map(|digest| hash_to_uniform(tag, digest))
            .collect();
        let mut out = vec![[0xaa; 64]; length];
        kernel.expand(tag, &digests, &mut out);
        assert_eq!(out, expected, "length {length}, tag of {}", tag.len());
    }
}

fn every_point_hashes_as_one_message(kernel: &dyn Kernel, length: usize) {
    let mut random = random(64);
    let points: Vec<[u8; 32]> = (0..length).map(|_| random.bytes()).collect();
    // Tags have prefixes of 75 bytes; 79 is the longest that leaves room for everything else in a
    // block.
    for prefix in [&b""[..], &[7; 8], &[7; 75], &[7; 79], &[7; 80], &[7; 256]] {
        let expected: Vec<[u8; 64]> = points
            .iter()
            .map(|point| Sha512::digest([prefix, point].concat()).into())
            .collect();
        let mut out = vec![[0xaa; 64]; length];
        kernel.hash_points(prefix, &points, &mut out);
        assert_eq!(out, expected, "length {length}, prefix of {}", prefix.len());
    }
}

/// A message of one field takes four bytes more.
fn digests_are_those_of_sha2(kernel: &dyn Kernel, fields: &[Vec<u8>]) {
    let mut messages = Messages::new();
    for field in fields {
        // None at all for one of the lengths, so that the empty message is among them.
        assert!(field.is_empty() || messages.field(field));
        messages.end();
    }
    let expected: Vec<[u8; 32]> = messages
        .iter()
        .map(|message| Sha512_256::digest(message).into())
        .collect();
    assert_eq!(expected.len(), fields.len());
    let mut out = vec![[0xaa; 32]; fields.len()];
    kernel.digest(&messages, &mut out);
    assert_eq!(out, expected, "{} by {}", fields.len(), kernel.name());
}

fn messages_of_equal_lengths_have_the_digests_of_sha2(kernel: &dyn Kernel) {
    let mut random = random(65);
    for length in 0..=300 {
        let fields: Vec<Vec<u8>> = (0..17).map(|_| random.vec(length)).collect();
        digests_are_those_of_sha2(kernel, &fields);
    }
}

fn messages_of_mixed_lengths_have_the_digests_of_sha2(kernel: &dyn Kernel) {
    let mut random = random(66);
    for number in (0..=LENGTH_SHORT).chain(LENGTHS_LONG) {
        for longest in [1, 107, 108, 130, 300, 1100] {
            let fields: Vec<Vec<u8>> = (0..number)
                .map(|_| {
                    let length = usize::from(u16::from_be_bytes(random.bytes()));
                    random.vec(length % (longest + 1))
                })
                .collect();
            digests_are_those_of_sha2(kernel, &fields);
        }
    }
}

fn the_smallest_index_that_does_not_decode_is_reported(kernel: &dyn Kernel) {
    let mut random = random(99);
    let k = random.scalar();
    let good: Vec<[u8; 32]> = (0..20).map(|_| random.point()).collect();
    for first in [0, 1, 7, 8, 13, 19] {
        let mut points = good.clone();
        points[first] = [0; 32];
        points[first + 1..].fill([0xff; 32]);
        assert_eq!(
            mul(kernel, &points, &k),
            Err(DecodeFailed {
                index: first,
                identity: true
            })
        );
        points[first] = [0xff; 32];
        points[first + 1..].fill([0; 32]);
        assert_eq!(
            mul(kernel, &points, &k),
            Err(DecodeFailed {
                index: first,
                identity: false
            })
        );
    }
}

/// Scalars whose halves have extreme digits, or are next to a multiple of the group order.
fn edge_scalars() -> Vec<SecretScalar> {
    let last = -Scalar::ONE;
    let mut scalars = vec![
        Scalar::ONE,
        Scalar::from(2_u8),
        Scalar::from(16_u8),
        last,
        last - Scalar::ONE,
        last.div_by_2(),
        last.div_by_2() + Scalar::ONE,
        Scalar::ONE.div_by_2(),
    ];
    // A kernel works with the digits of k / 2: all 8, all 7, all -8 except for carries, and one
    // digit.
    for pattern in [0x88_u8, 0x77, 0x78, 0x87, 0x80, 0x08] {
        let half = Scalar::from_bytes_mod_order([pattern; 32]);
        let mut bytes = [pattern; 32];
        bytes[31] = 0x08;
        scalars.extend([half + half, -(half + half)]);
        let half = Scalar::from_bytes_mod_order(bytes);
        scalars.extend([half + half, -(half + half)]);
    }
    scalars
        .into_iter()
        .map(|scalar| SecretScalar::from_canonical_bytes(scalar.to_bytes()).unwrap())
        .collect()
}

fn scalars_at_the_edges(kernel: &dyn Kernel) {
    let mut random = random(61);
    let uniform: Vec<[u8; 64]> = (0..5).map(|_| random.bytes()).collect();
    let points: Vec<[u8; 32]> = (0..5).map(|_| random.point()).collect();
    for k in edge_scalars() {
        assert_eq!(map(kernel, &uniform, &k), map(&Portable, &uniform, &k));
        assert_eq!(mul(kernel, &points, &k), mul(&Portable, &points, &k));
    }
    // Field elements at the edges, as input of the map.
    let mut edges = Vec::new();
    for low in [0, 1, 0xec, 0xed, 0xee, 0xff] {
        for rest in [0, 0xff] {
            let mut half = [rest; 32];
            half[0] = low;
            for high in [rest & 0x7f, rest | 0x80] {
                half[31] = high;
                edges.push([half, random.bytes()].concat().try_into().unwrap());
                edges.push([half, half].concat().try_into().unwrap());
            }
        }
    }
    let k = random.scalar();
    assert_eq!(map(kernel, &edges, &k), map(&Portable, &edges, &k));
}

/// Elements and invalid bytes, of every kind and in any order. The answer must be the portable
/// kernel's, place of the first failure included.
fn valid_and_invalid_encodings_in_any_mixture(kernel: &dyn Kernel) {
    let mut random = random(62);
    let k = random.scalar();
    let good: Vec<[u8; 32]> = (0..17).map(|_| random.point()).collect();
    let bad: Vec<[u8; 32]> = vectors::invalid_encodings()
        .into_iter()
        .map(|(_, bytes)| bytes)
        .chain([[0; 32]])
        .collect();
    for bytes in &bad {
        for place in 0..9 {
            let mut points = good[..9].to_vec();
            points[place] = *bytes;
            let expected = mul(&Portable, &points, &k);
            assert_eq!(expected.as_ref().unwrap_err().index, place);
            assert_eq!(mul(kernel, &points, &k), expected);
        }
    }
    for _ in 0..200 {
        let [length, every] = random.bytes();
        let points: Vec<[u8; 32]> = (0..length % 18)
            .map(|i| {
                let [choice, which, bit] = random.bytes();
                let mut point = good[usize::from(i)];
                match choice % 4 {
                    // Half of the changed ones are still elements.
                    0 if every % 2 == 0 => point[usize::from(bit / 8)] ^= 1 << (bit % 8),
                    1 if every % 8 == 0 => point = bad[usize::from(which) % bad.len()],
                    2 if every % 8 == 0 => point = random.bytes(),
                    _ => {}
                }
                point
            })
            .collect();
        assert_eq!(mul(kernel, &points, &k), mul(&Portable, &points, &k));
    }
}

#[test]
fn the_portable_kernel_keeps_the_promises_of_every_kernel() {
    check(&Portable);
}

#[test]
fn every_other_kernel_of_this_machine_keeps_the_promises_of_every_kernel() {
    for kernel in &available()[1..] {
        check(kernel.as_ref());
    }
}

#[test]
fn the_model_on_floats_keeps_the_promises_of_every_kernel() {
    check(&Modelled::<FloatModel>::NEW);
}

#[test]
fn the_model_on_integers_keeps_the_promises_of_every_kernel() {
    check(&Modelled::<IntegerModel>::NEW);
}

#[test]
fn all_kernels_give_the_same_bytes_for_100_000_points() {
    for kernel in &available()[1..] {
        let spread = Spread(kernel.as_ref());
        let mut random = random(60);
        for _ in 0..25 {
            let k = random.scalar();
            let uniform: Vec<[u8; 64]> = (0..4000).map(|_| random.bytes()).collect();
            let points = map(&Spread(&Portable), &uniform, &k);
            assert_eq!(map(&spread, &uniform, &k), points);
            let k = random.scalar();
            let expected = mul(&Spread(&Portable), &points, &k);
            assert_eq!(mul(&spread, &points, &k), expected);
        }
    }
}

#[test]
fn spreading_over_threads_keeps_order_and_promises() {
    check(&Spread(&Portable));
    let long = 5 * batch::BATCH + 3;
    every_output_is_that_of_the_single_operation(&Spread(&Portable), 42, long);
}

#[test]
fn spreading_reports_the_smallest_index_of_the_whole_list() {
    let mut random = random(7);
    let k = random.scalar();
    let mut points = vec![random.point(); 4 * batch::BATCH];
    for (place, bad) in [
        (3 * batch::BATCH + 1, [0xff; 32]),
        (2 * batch::BATCH, [0; 32]),
    ] {
        points[place] = bad;
        let identity = bad == [0; 32];
        let failed = DecodeFailed {
            index: place,
            identity,
        };
        assert_eq!(mul(&Spread(&Portable), &points, &k), Err(failed));
    }
}

#[test]
fn the_number_of_calls_depends_on_the_length_alone() {
    use super::counting::{Counting, Work};

    let counting = Counting::new(Portable);
    let mut random = random(8);
    let k = random.scalar();
    let length = 2 * batch::BATCH + 1;
    let uniform = vec![random.bytes(); length];
    let mut out = vec![[0; 32]; length];
    batch::map_mul_encode(&counting, &uniform, &k, &mut out);
    let points = out.clone();
    batch::decode_mul_encode(&counting, &points, &k, &mut out).unwrap();
    let length = length as u64;
    assert_eq!(
        counting.work(),
        Work {
            calls: 6,
            mapped: length,
            decoded: length,
            base: 0
        }
    );
}
