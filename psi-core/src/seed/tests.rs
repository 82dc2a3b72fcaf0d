use std::collections::BTreeSet;

use rand_core::Rng as _;
use subtle::ConstantTimeEq as _;

use super::{JobSeed, Purpose};
use crate::group::SecretScalar;

const PURPOSES: [Purpose; 12] = [
    Purpose::BlindingScalar,
    Purpose::SenderScalar,
    Purpose::Canaries,
    Purpose::Filler,
    Purpose::ResultSalt,
    Purpose::Transfer,
    Purpose::ShareSalt,
    Purpose::DummyCount,
    Purpose::DummyPadding,
    Purpose::CountNoise,
    Purpose::ShareNoise,
    Purpose::RowKey,
];

fn known_seed() -> JobSeed {
    JobSeed::new(std::array::from_fn(|i| u8::try_from(i).unwrap()))
}

fn first_bytes(seed: &JobSeed, purpose: Purpose, match_index: u8, part: u16) -> String {
    let mut bytes = [0; 32];
    seed.stream(purpose, match_index, part).fill(&mut bytes);
    hex::encode(bytes)
}

/// Computed with independent implementations of HKDF-SHA512 and `ChaCha20`, from the documented
/// labels. A change here changes every message of every job: never change one.
const KNOWN: [(Purpose, u8, u16, &str); 16] = [
    (
        Purpose::BlindingScalar,
        0,
        0,
        "0dedabce5b596428e518dee9818be591259b0eafd2d507537b28d306c858c6c5",
    ),
    (
        Purpose::SenderScalar,
        0,
        0,
        "f842c5e2716e85e67e8c3f852dfc918c858301c94292658a9f8a212f81ee2c2b",
    ),
    (
        Purpose::Canaries,
        0,
        0,
        "333f2209ec5ca26235a136796d6c63c0c18179dd68bcfd4acddd644f497dbb72",
    ),
    (
        Purpose::Filler,
        0,
        0,
        "4768aa1fa3410645c159d6d4656a786919e2ab5f5e30fcdc7bf12d03edb08bcf",
    ),
    (
        Purpose::ResultSalt,
        0,
        0,
        "21f916bc6525f404dbea1896f6d7a446fb2f854db7f13695ae908cb0dcfa94ab",
    ),
    (
        Purpose::Filler,
        1,
        0,
        "98233b793b11e585d870b4e9657e5b80c541b29b602201b5226f8a9531f8791b",
    ),
    (
        Purpose::Canaries,
        0,
        258,
        "38940c7e4d1b38553de4c1211f519037d3bf947a4cbfd23505bd67dbb052024d",
    ),
    (
        Purpose::Transfer,
        0,
        0,
        "d77022aa9a22261b7cbafc287ea6c612ff429e82543e538603760ed8c91925b9",
    ),
    (
        Purpose::Transfer,
        1,
        0,
        "b05567ea11617461e5ce4ca74581b6ed88af151dd66b38afe48c27eea14e20f4",
    ),
    (
        Purpose::ShareSalt,
        0,
        0,
        "c4c5fa0d72fa45289735a5cbb4e25a57b6e675644b9596c36004ba0c61335ff1",
    ),
    (
        Purpose::DummyCount,
        0,
        0,
        "6641e31eee9a7cd4e0c1106f842a8cdad57cb0fcfcca9f4d4649d640b6497b68",
    ),
    (
        Purpose::DummyCount,
        0,
        1,
        "445e070a39b5d0dd926eaf47e24825e38a3c871e973a88b54d04ee2d40330b16",
    ),
    (
        Purpose::DummyPadding,
        0,
        1,
        "fa79dc863dde98f134ee0ad546e8f6422571e21e3694c8dee9849ec26e1b4aa9",
    ),
    (
        Purpose::CountNoise,
        0,
        0,
        "7b6c512dea4dba25d8566d053d090344fbe48aa5b74283a877feb656625617a5",
    ),
    (
        Purpose::ShareNoise,
        0,
        0,
        "860bb7a44f774a70f652a9c6fec06df7d0c16a5811c958f49d18dba130468793",
    ),
    (
        Purpose::RowKey,
        0,
        0,
        "06ce6dbf83c832db49209fa7086c4bdc9e77df03037f2f96444f71532ad804af",
    ),
];

#[test]
fn streams_give_the_known_answers() {
    for (purpose, match_index, part, expected) in KNOWN {
        let found = first_bytes(&known_seed(), purpose, match_index, part);
        assert_eq!(
            found, expected,
            "{purpose:?}, match {match_index}, part {part}"
        );
    }
}

#[test]
fn a_stream_goes_on_where_it_was_left_whatever_the_pieces() {
    let mut whole = [0; 200];
    known_seed().stream(Purpose::Filler, 0, 0).fill(&mut whole);
    // Bytes 96 to 128 from the independent implementation, across a block boundary before them.
    assert_eq!(
        hex::encode(&whole[96..128]),
        "2393e1ffd3ce5bac55bfd5a1923ee799fe6d57887e394f05acefe00cb6167e34"
    );
    for piece in [1, 3, 4, 7, 32, 64, 99] {
        let mut stream = known_seed().stream(Purpose::Filler, 0, 0);
        let mut pieces = [0; 200];
        for part in pieces.chunks_mut(piece) {
            stream.fill(part);
        }
        assert_eq!(pieces, whole, "in pieces of {piece}");
    }
}

#[test]
fn a_stream_read_as_a_generator_gives_its_bytes_as_little_endian_integers() {
    let mut whole = [0; 28];
    let mut stream = known_seed().stream(Purpose::ShareNoise, 0, 0);
    stream.fill(&mut whole);
    let mut again = known_seed().stream(Purpose::ShareNoise, 0, 0);
    let mut read = again.next_u32().to_le_bytes().to_vec();
    read.extend(again.next_u64().to_le_bytes());
    let mut rest = [0; 16];
    again.fill_bytes(&mut rest);
    read.extend(rest);
    assert_eq!(read, whole);
}

#[test]
fn a_scalar_is_the_next_64_bytes_modulo_the_group_order() {
    let scalar = known_seed().stream(Purpose::SenderScalar, 0, 0).scalar();
    let expected = hex::decode("5f4c75c3ca0308dafa212b42f25841fecd2d6f0fc77af77f7dfd49557c7c2005");
    let expected = SecretScalar::from_canonical_bytes(expected.unwrap().try_into().unwrap());
    assert!(bool::from(scalar.ct_eq(&expected.unwrap())));
}

#[test]
fn no_two_streams_start_alike() {
    let mut seen = BTreeSet::new();
    for seed in [JobSeed::new([0; 32]), JobSeed::new([1; 32])] {
        for purpose in PURPOSES {
            for match_index in [0, 1, 255] {
                for part in [0, 1, 255, 256, u16::MAX] {
                    assert!(seen.insert(first_bytes(&seed, purpose, match_index, part)));
                }
            }
        }
    }
}

#[test]
fn labels_differ() {
    let labels: BTreeSet<&str> = PURPOSES.iter().map(|purpose| purpose.label()).collect();
    assert_eq!(labels.len(), PURPOSES.len());
}
