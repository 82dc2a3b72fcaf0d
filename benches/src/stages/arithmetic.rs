//! What the kernel does.

use std::hint::black_box;

use psi_core::group::SecretScalar;
use psi_core::identifier::{IdentifierKind, IdentityHasher};
use psi_core::kernel::Kernel;
use psi_core::kernel::batch::{self, BATCH};
use psi_core::seed::{JobSeed, Purpose};
use psi_core::spec::JobId;
use psi_core::tag::tags;

use crate::least;
use crate::lists::random;
use crate::of_lists::TAG;
use crate::stage::{Spread, Stage};

/// Elements that these are measured on.
const POINTS: usize = 1 << 15;

pub(crate) fn stages(kernel: &dyn Kernel, repeat: u32) -> Vec<Stage> {
    let stage = |what, nanos| Stage::new(what, Spread::Cores, nanos);
    let scalar: SecretScalar = JobSeed::new([5; 32])
        .stream(Purpose::BlindingScalar, 0, 0)
        .scalar();
    let records = random(32, 1);
    let (digests, _) = records.as_chunks::<32>();
    let (digests, _) = digests.split_at(POINTS);
    let mut points = vec![[0; 32]; POINTS];
    let mut out = points.clone();
    let mut tagged = Vec::new();
    let texts: Vec<String> = (0..POINTS).map(|number| format!("{number:064x}")).collect();
    let mut hasher = IdentityHasher::new(&[IdentifierKind::Hex]);
    vec![
        stage(
            "normalise and digest 64 hexadecimal digits",
            least(repeat, POINTS, || {
                for texts in texts.chunks(BATCH) {
                    let rows = texts.iter().map(|text| [Some(text)]);
                    hasher.digests(kernel, rows).for_each(|digest| {
                        black_box(digest);
                    });
                }
            }),
        ),
        stage(
            "hash to the group, multiply, encode",
            least(repeat, POINTS, || {
                batch::hash_mul_encode(kernel, b"psi/v1/hex", digests, &scalar, &mut points);
            }),
        ),
        stage(
            "decode, multiply, encode",
            least(repeat, POINTS, || {
                batch::decode_mul_encode(kernel, &points, &scalar, &mut out)
                    .expect("the points were encoded by this kernel");
            }),
        ),
        stage(
            "tags of points",
            least(repeat, POINTS, || {
                tags(kernel, &JobId([7; 64]), 0, &out, TAG, &mut tagged);
            }),
        ),
    ]
}
