use proptest::prelude::*;

use super::{Canaries, CanaryCheck};
use crate::error::Code;
use crate::group::{Element, SecretScalar};
use crate::kernel::portable::Portable;
use crate::kernel::{Kernel as _, batch};
use crate::seed::{JobSeed, Purpose};

fn draw(count: u64) -> Canaries {
    Canaries::draw(
        &mut JobSeed::new([5; 32]).stream(Purpose::Canaries, 0, 0),
        count,
        &Portable,
    )
}

fn sender() -> SecretScalar {
    JobSeed::new([6; 32])
        .stream(Purpose::SenderScalar, 0, 0)
        .scalar()
}

/// What a Sender that follows the protocol returns for these canaries and `others` more points.
fn honest_reply(canaries: &Canaries, others: u8) -> Vec<[u8; 32]> {
    let mut points = canaries.points().to_vec();
    points.extend((0..others).map(|i| Element::from_uniform_bytes(&[i + 1; 64]).encode()));
    let mut reply = vec![[0; 32]; points.len()];
    batch::decode_mul_encode(&Portable, &points, &sender(), &mut reply).unwrap();
    reply.sort_unstable();
    reply
}

fn outcome(mut check: CanaryCheck, reply: &[[u8; 32]], piece: usize) -> Result<(), Code> {
    for points in reply.chunks(piece) {
        check.push(points).map_err(|error| error.code())?;
    }
    check.finish().map_err(|error| error.code())
}

#[test]
fn canaries_are_distinct_multiples_of_the_generator_and_follow_from_the_seed() {
    let canaries = draw(64);
    let mut points = canaries.points().to_vec();
    assert_eq!(points, draw(64).points());
    let mut expected = vec![[0; 32]; 64];
    Portable.base_mul_encode(&canaries.scalars, &mut expected);
    assert_eq!(points, expected);
    points.sort_unstable();
    points.dedup();
    assert_eq!(points.len(), 64);
}

#[test]
fn an_honest_reply_passes_in_pieces_of_any_size() {
    let key = Element::base_mul(&sender());
    for piece in [1, 2, 7, 1_000] {
        let canaries = draw(20);
        let reply = honest_reply(&canaries, 30);
        assert_eq!(outcome(canaries.expect_under(&key), &reply, piece), Ok(()));
    }
}

#[test]
fn a_dropped_canary_is_noticed_wherever_it_stood() {
    let key = Element::base_mul(&sender());
    for dropped in 0..5 {
        let canaries = draw(5);
        let reply = honest_reply(&canaries, 9);
        let check = canaries.expect_under(&key);
        let gone = check.expected[dropped];
        let rest: Vec<[u8; 32]> = reply.into_iter().filter(|point| *point != gone).collect();
        assert_eq!(
            outcome(check, &rest, 3),
            Err(Code::CanaryMissing),
            "canary {dropped}"
        );
    }
}

#[test]
fn a_reply_under_another_scalar_or_no_reply_is_noticed() {
    let other = Element::base_mul(&sender().invert());
    let canaries = draw(5);
    let reply = honest_reply(&canaries, 9);
    assert_eq!(
        outcome(canaries.expect_under(&other), &reply, 4),
        Err(Code::CanaryMissing)
    );
    let key = Element::base_mul(&sender());
    assert_eq!(
        outcome(draw(1).expect_under(&key), &[], 4),
        Err(Code::CanaryMissing)
    );
    assert_eq!(outcome(draw(0).expect_under(&key), &[], 4), Ok(()));
}

proptest! {
    #[test]
    fn the_check_passes_exactly_if_every_canary_occurs(
        expected in prop::collection::btree_set(0_u8..30, 0..10),
        reply in prop::collection::btree_set(0_u8..30, 0..30),
        piece in 1_usize..8,
    ) {
        let record = |byte: &u8| [*byte; 32];
        let check = CanaryCheck {
            expected: expected.iter().map(record).collect(),
            places: None,
            seen: 0,
            found: 0,
            missing: false,
        };
        let points: Vec<[u8; 32]> = reply.iter().map(record).collect();
        prop_assert_eq!(outcome(check, &points, piece).is_ok(), expected.is_subset(&reply));
    }
}
