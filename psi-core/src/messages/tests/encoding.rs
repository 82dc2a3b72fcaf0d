//! The strict encoding of control messages.

use proptest::prelude::*;

use super::wire;
use crate::error::{Code, Error};
use crate::limits;
use crate::messages::codec::{decode, encode};
use crate::messages::{Control, EntryMessage, Outcome};
use crate::receipt::Entry;
use crate::spec::JobSpec;

fn assert_malformed<T: std::fmt::Debug>(result: Result<T, Error>, what: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), Code::MalformedMessage, "{what}");
    assert!(matches!(error, Error::PeerMisbehaved { .. }), "{what}");
}

#[test]
fn a_byte_left_over_is_refused_in_every_message() {
    for (name, message, _) in wire::messages() {
        for more in [0, 1, 0xff] {
            let mut bytes = encode(&message);
            bytes.push(more);
            assert_malformed(decode::<Control>(&bytes), name);
        }
    }
}

#[test]
fn every_message_is_refused_when_cut_short_anywhere() {
    for (name, message, _) in wire::messages() {
        let bytes = encode(&message);
        for length in 0..bytes.len() {
            assert_malformed(decode::<Control>(&bytes[..length]), name);
        }
    }
}

#[test]
fn unknown_numbers_of_messages_are_refused() {
    for number in [14_u32, 15, 255, 256, 1 << 24, 9 << 24, u32::MAX] {
        assert_malformed(decode::<Control>(&number.to_be_bytes()), "a number");
    }
    assert_eq!(
        decode::<Control>(&9_u32.to_be_bytes()).unwrap(),
        Control::Working
    );
}

#[test]
fn counts_beyond_the_message_are_refused_without_taking_memory() {
    let counts = [1, 2, 1 << 10, 1 << 16, 1 << 32, 1 << 60, 1 << 63, u64::MAX];
    for count in counts {
        let count = count.to_be_bytes();
        assert_malformed(decode::<Vec<u8>>(&count), "bytes");
        assert_malformed(decode::<String>(&count), "text");
        assert_malformed(decode::<Vec<String>>(&count), "texts");
        assert_malformed(decode::<Vec<[u8; 64]>>(&count), "jobs");
        assert_malformed(decode::<Vec<Option<Outcome>>>(&count), "outcomes");
        // One level further down.
        let inner = [1_u64.to_be_bytes(), count].concat();
        assert_malformed(decode::<Vec<String>>(&inner), "texts in texts");
        let entry = [5_u32.to_be_bytes().as_slice(), &count].concat();
        assert_malformed(decode::<Control>(&entry), "an entry");
    }
}

#[test]
fn one_value_has_one_encoding() {
    for (byte, value) in [(0, Some(false)), (1, Some(true)), (2, None), (255, None)] {
        assert_eq!(decode::<bool>(&[byte]).ok(), value);
    }
    assert_eq!(decode::<Option<u8>>(&[0]).unwrap(), None);
    assert_eq!(decode::<Option<u8>>(&[1, 5]).unwrap(), Some(5));
    assert_malformed(decode::<Option<u8>>(&[2, 5]), "an option of 2");
    assert_malformed(decode::<Option<u8>>(&[0, 5]), "nothing, with a value");
    let text = |bytes: &[u8]| [(bytes.len() as u64).to_be_bytes().as_slice(), bytes].concat();
    assert_eq!(decode::<String>(&text("ü".as_bytes())).unwrap(), "ü");
    for bad in [&[0xff][..], &[0xc0, 0x80], &[0xed, 0xa0, 0x80], &[0xc3]] {
        assert_malformed(decode::<String>(&text(bad)), "no UTF-8");
    }
    assert_malformed(decode::<Code>(&[0, 0]), "no code");
    assert_eq!(decode::<Code>(&[0, 38]).unwrap(), Code::CanaryMissing);
}

#[test]
fn a_message_of_the_largest_size_is_taken_and_a_larger_one_refused() {
    let message = |bytes| {
        let signatures = [Some([1; 64].into()), Some([2; 64].into())];
        Control::Entry(EntryMessage {
            entry: vec![7; bytes],
            signatures,
        })
    };
    let around = encode(&message(0)).len();
    let most = limits::CONTROL_BYTES_MAX - around;
    let bytes = encode(&message(most));
    assert_eq!(bytes.len(), limits::CONTROL_BYTES_MAX);
    assert_eq!(decode::<Control>(&bytes).unwrap(), message(most));
    assert_malformed(
        decode::<Control>(&encode(&message(most + 1))),
        "one byte more",
    );
    assert_malformed(decode::<Control>(&vec![0; 1 << 20]), "a megabyte");
}

#[test]
fn an_outcome_has_one_size_whether_released_or_suppressed() {
    let sizes: Vec<usize> = wire::messages()
        .into_iter()
        .filter(|(name, ..)| *name == "outcome_released" || *name == "outcome_suppressed")
        .map(|(_, message, _)| encode(&message).len())
        .collect();
    assert_eq!(sizes.len(), 2);
    assert_eq!(sizes[0], sizes[1]);
}

fn canonical_or_refused(bytes: &[u8]) {
    if let Ok(message) = decode::<Control>(bytes) {
        assert_eq!(encode(&message), bytes);
    }
    if let Ok(entry) = Entry::decode(bytes) {
        assert_eq!(entry.encode(), bytes);
    }
    if let Ok(spec) = decode::<JobSpec>(bytes) {
        assert_eq!(encode(&spec), bytes);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused_or_canonical(
        bytes in prop::collection::vec(any::<u8>(), 0..4096),
    ) {
        canonical_or_refused(&bytes);
    }

    #[test]
    fn arbitrary_bodies_of_known_messages_are_refused_or_canonical(
        number in 0..14_u32,
        body in prop::collection::vec(prop_oneof![3 => Just(0_u8), 1 => any::<u8>()], 0..600),
    ) {
        canonical_or_refused(&[number.to_be_bytes().as_slice(), &body].concat());
    }

    #[test]
    fn changed_messages_are_refused_or_canonical(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        count in prop::option::of((any::<prop::sample::Index>(), any::<u64>())),
    ) {
        let messages = wire::messages();
        let mut bytes = encode(&which.get(&messages).1);
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some((place, count)) = count && bytes.len() > 8 {
            let place = place.index(bytes.len() - 8);
            bytes[place..place + 8].copy_from_slice(&count.to_be_bytes());
        }
        canonical_or_refused(&bytes);
    }
}
