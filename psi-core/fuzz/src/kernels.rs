//! All kernels of this machine against the portable one, that is, curve25519-dalek.

use psi_core::group::{Element, SecretScalar};
use psi_core::kernel::{Kernel, available};

/// Elements of one call; more would only be slower.
const ELEMENTS_MAX: usize = 40;

/// Runs expansion and both bulk paths on whatever the bytes say, on all kernels of this machine;
/// `true` if they say anything.
///
/// The first 64 bytes give the scalar, and a tag of as many of them as the first says. Each 33 after
/// them are one input: bytes as they are, or made an element, or made one and then damaged.
///
/// # Panics
/// If a kernel's answer is not the portable one's.
pub fn kernels(data: &[u8]) -> bool {
    let Some((scalar, inputs)) = data.split_first_chunk::<64>() else {
        return false;
    };
    let Some(k) = SecretScalar::from_wide_bytes(scalar) else {
        return false;
    };
    let (inputs, _) = inputs.as_chunks::<33>();
    let inputs = &inputs[..inputs.len().min(ELEMENTS_MAX)];
    let uniform: Vec<[u8; 64]> = inputs.iter().map(uniform).collect();
    let points: Vec<[u8; 32]> = inputs.iter().map(encoding).collect();
    let digests: Vec<[u8; 32]> = inputs.iter().map(digest).collect();
    let tag = &scalar[..usize::from(scalar[0]) % scalar.len()];
    let kernels = available();
    let expected = answers(kernels[0].as_ref(), &k, &uniform, &points);
    let mut expected_uniform = vec![[0; 64]; digests.len()];
    kernels[0].expand(tag, &digests, &mut expected_uniform);
    for kernel in &kernels[1..] {
        let found = answers(kernel.as_ref(), &k, &uniform, &points);
        assert_eq!(found, expected, "{}", kernel.name());
        let mut expanded = vec![[0; 64]; digests.len()];
        kernel.expand(tag, &digests, &mut expanded);
        assert_eq!(expanded, expected_uniform, "{}", kernel.name());
    }
    !inputs.is_empty()
}

/// Both halves of what the map takes: the bytes, and the bytes in reverse.
fn uniform(input: &[u8; 33]) -> [u8; 64] {
    let mut uniform = [0; 64];
    uniform[..32].copy_from_slice(&input[1..]);
    uniform[32..].copy_from_slice(&input[1..]);
    if input[0] & 0x80 == 0 {
        uniform[32..].reverse();
    }
    uniform
}

fn digest(input: &[u8; 33]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(&input[1..]);
    bytes
}

fn encoding(input: &[u8; 33]) -> [u8; 32] {
    match input[0] & 0x0f {
        0 => digest(input),
        damage => {
            let mut point = Element::from_uniform_bytes(&uniform(input)).encode();
            if damage == 1 {
                let bit = usize::from(input[1]);
                point[bit / 8] ^= 1 << (bit % 8);
            }
            point
        }
    }
}

/// The outputs of both paths; of the second the first failure's place and kind, if it has one.
type Answers = (Vec<[u8; 32]>, Result<Vec<[u8; 32]>, (usize, bool)>);

fn answers(
    kernel: &dyn Kernel,
    k: &SecretScalar,
    uniform: &[[u8; 64]],
    points: &[[u8; 32]],
) -> Answers {
    let mut mapped = vec![[0; 32]; uniform.len()];
    kernel.map_mul_encode(uniform, k, &mut mapped);
    let mut multiplied = vec![[0; 32]; points.len()];
    let decoded = kernel
        .decode_mul_encode(points, k, &mut multiplied)
        .map(|()| multiplied)
        .map_err(|failed| (failed.index, failed.identity));
    (mapped, decoded)
}
