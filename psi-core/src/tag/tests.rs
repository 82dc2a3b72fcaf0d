use proptest::prelude::*;

use super::{tag_bytes, tags};
use crate::kernel::portable::Portable;
use crate::spec::JobId;

#[test]
fn the_tag_length_is_that_of_the_specification() {
    assert_eq!(tag_bytes(1 << 20, 1 << 20), 11);
    // 40 + 1 + 1 bits.
    assert_eq!(tag_bytes(1, 1), 6);
    // 40 + 13 + 13 = 66 bits: one byte more than 64.
    assert_eq!(tag_bytes(5_000 + 1_024, 5_000), 9);
    // The larger list counts once beside the Sender's own.
    assert_eq!(
        tag_bytes(1 << 36, 1 << 10),
        (40_usize + 11 + 37).div_ceil(8)
    );
    assert_eq!(
        tag_bytes(1 << 10, 1 << 36),
        (40_usize + 37 + 37).div_ceil(8)
    );
    assert_eq!(tag_bytes(0, 0), 5);
    assert_eq!(tag_bytes(u64::MAX, u64::MAX), 21);
}

#[test]
fn the_tag_of_a_known_point_never_changes() {
    let job_id = JobId([9; 64]);
    let point: [u8; 32] = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let mut out = b"left over".to_vec();
    tags(&Portable, &job_id, 0, &[point], 64, &mut out);
    // Computed with another implementation.
    assert_eq!(
        hex::encode(&out),
        "a8195de65da9d4708b5de4fcd4f9ee3a401d683d899a579a140e5ae46eea5a5b\
         24cfc5fab184d175a336f5c838a1e6a817bf9c1d22a59bac4f1ead6939cb8fa2"
    );
    tags(&Portable, &job_id, 1, &[point], 11, &mut out);
    assert_eq!(hex::encode(&out), "ea0c3e9150bd56919ecbce");
}

#[test]
fn job_match_and_point_each_change_a_tag() {
    let tag = |job: u8, match_index, point: u8| {
        let mut out = Vec::new();
        tags(
            &Portable,
            &JobId([job; 64]),
            match_index,
            &[[point; 32]],
            16,
            &mut out,
        );
        out
    };
    let first = tag(0, 0, 0);
    for other in [tag(1, 0, 0), tag(0, 1, 0), tag(0, 0, 1)] {
        assert_ne!(first, other);
    }
}

proptest! {
    #[test]
    fn a_list_of_tags_is_the_tags_one_by_one(count in 0_usize..1_200, width in 1_usize..=64) {
        let points: Vec<[u8; 32]> = (0..count).map(|i| {
            let mut point = [0; 32];
            point[..8].copy_from_slice(&(i as u64).to_le_bytes());
            point
        }).collect();
        let mut all = Vec::new();
        tags(&Portable, &JobId([3; 64]), 0, &points, width, &mut all);
        prop_assert_eq!(all.len(), count * width);
        let mut one = Vec::new();
        for (point, tag) in points.iter().zip(all.chunks_exact(width)) {
            tags(&Portable, &JobId([3; 64]), 0, std::slice::from_ref(point), width, &mut one);
            prop_assert_eq!(&one, tag);
        }
    }
}
