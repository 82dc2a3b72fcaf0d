//! The code of a list is the one that the specification gives, and no other bytes decode.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Rice, parameter, reference};
use crate::error::{Code, Error};
use crate::limits;
use crate::list::RecordCodec as _;
use crate::seed::{JobSeed, Purpose};
use crate::tag;

fn encode(width: usize, count: u64, records: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = Rice.encoder(width, count)?;
    let mut bytes = Vec::new();
    encoder.encode(records, &mut bytes)?;
    encoder.finish(&mut bytes)?;
    Ok(bytes)
}

/// Decodes a list that comes in `pieces`, and checks what holds whatever the pieces are.
fn decode<'a>(
    width: usize,
    count: u64,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<u8>, Code> {
    let mut decoder = Rice.decoder(width, count).unwrap();
    let (mut records, mut given) = (Vec::new(), 0);
    let fewest_bits = parameter(width, count) as usize + 1;
    for piece in pieces {
        given += piece.len();
        let result = decoder.decode(piece, &mut records);
        assert!(records.len().is_multiple_of(width), "whole records");
        assert!(records.len() as u64 <= count * width as u64);
        assert!(
            records.len() <= 8 * given / fewest_bits * width,
            "{} bytes from {given}",
            records.len()
        );
        result.map_err(|error| error.code())?;
    }
    decoder.finish().map_err(|error| error.code())?;
    Ok(records)
}

/// `count` random records, ascending and distinct, or as many of them as exist.
fn random(width: usize, count: usize, number: u16) -> Vec<u8> {
    let mut stream = JobSeed::new([3; 32]).stream(Purpose::Filler, 0, number);
    let mut records = BTreeSet::new();
    let most = if width == 1 { count.min(256) } else { count };
    while records.len() < most {
        let mut record = vec![0; width];
        stream.fill(&mut record);
        records.insert(record);
    }
    records.into_iter().flatten().collect()
}

fn count(width: usize, records: &[u8]) -> u64 {
    (records.len() / width) as u64
}

#[track_caller]
fn round_trips(width: usize, records: &[u8]) -> Vec<u8> {
    let count = count(width, records);
    let bytes = encode(width, count, records).unwrap();
    assert_eq!(decode(width, count, [bytes.as_slice()]).unwrap(), records);
    let all: Vec<&[u8]> = records.chunks(width).collect();
    let bits = reference::bits(width, count, &all);
    assert_eq!(bytes, reference::pack(&bits), "the reference differs");
    let most = count * u64::from(parameter(width, count) + 3);
    assert!(bits.len() as u64 <= most, "{} bits", bits.len());
    bytes
}

#[test]
fn the_example_of_the_specification_is_encoded_as_it_says() {
    let records = "0003 0100 0101 2f00 7000".replace(' ', "");
    let bytes = round_trips(2, &hex::decode(records).unwrap());
    assert_eq!(hex::encode(&bytes), "800e0fc80016ff107f80");
    let text = include_str!("../../../../docs/spec/06-messages.md");
    assert!(text.contains("800e0fc80016ff107f80"));
}

#[test]
fn random_lists_of_every_width_decode_to_what_was_encoded() {
    for width in 1..=32 {
        for count in [0, 1, 2, 3, 4, 7, 8, 100, 255, 256, 257, 1000] {
            round_trips(width, &random(width, count, 0));
        }
    }
}

#[test]
fn extreme_lists_decode_to_what_was_encoded() {
    for width in 1..=32 {
        let (least, greatest) = (vec![0; width], vec![0xff; width]);
        assert_eq!(round_trips(width, &[]), []);
        round_trips(width, &least);
        round_trips(width, &greatest);
        round_trips(width, &[least.clone(), greatest.clone()].concat());
        for count in [2, 3, 64, 200_u8] {
            let low = |n| [&least[1..], &[n]].concat();
            let high = |n| [&greatest[1..], &[n]].concat();
            // All adjacent, at either end; then one gap as wide as can be, at every place.
            round_trips(width, &(0..count).flat_map(low).collect::<Vec<_>>());
            round_trips(width, &(56..=255).flat_map(high).collect::<Vec<_>>());
            for gap in 0..=count {
                let mut all: Vec<u8> = (0..gap).flat_map(low).collect();
                all.extend((gap..count).map(|n| 255 - (count - 1 - n)).flat_map(high));
                round_trips(width, &all);
            }
        }
    }
    // Every record that exists.
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(round_trips(1, &all), [0xff; 32]);
    let all: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_be_bytes).collect();
    assert_eq!(round_trips(2, &all), [0xff; 8192]);
}

#[test]
fn a_list_decodes_wherever_its_bytes_are_cut() {
    for (width, number) in [(1, 200), (2, 40), (7, 40), (8, 3), (9, 30), (32, 20)] {
        let records = random(width, number, 1);
        let (count, bytes) = (number as u64, round_trips(width, &records));
        for cut in 0..=bytes.len() {
            let (front, back) = bytes.split_at(cut);
            assert_eq!(decode(width, count, [front, &[], back]).unwrap(), records);
        }
        for size in 1..40 {
            assert_eq!(decode(width, count, bytes.chunks(size)).unwrap(), records);
        }
    }
}

#[test]
fn a_list_that_ends_before_its_last_record_is_refused() {
    let bytes = round_trips(8, &random(8, 20, 2));
    for length in 0..bytes.len() {
        let code = decode(8, 20, [&bytes[..length]]).unwrap_err();
        assert_eq!(code, Code::MalformedMessage, "{length} bytes");
    }
}

#[test]
fn bytes_after_the_last_record_are_a_wrong_count_and_bits_are_malformed() {
    let mut padded = 0;
    for number in 0..20 {
        let records = random(5, 7, number);
        let bytes = round_trips(5, &records);
        for more in [&[0][..], &[1], &[0x80], &[0; 9], &[0xff; 40]] {
            let longer = [&bytes, more].concat();
            assert_eq!(decode(5, 7, [longer.as_slice()]), Err(Code::WrongCount));
            let late = [bytes.as_slice(), more];
            assert_eq!(decode(5, 7, late), Err(Code::WrongCount));
        }
        let all: Vec<&[u8]> = records.chunks(5).collect();
        for bit in reference::bits(5, 7, &all).len()..8 * bytes.len() {
            let mut bytes = bytes.clone();
            bytes[bit / 8] |= 0x80 >> (bit % 8);
            let code = decode(5, 7, [bytes.as_slice()]);
            assert_eq!(code, Err(Code::MalformedMessage));
            padded += 1;
        }
    }
    assert!(padded > 0, "no list of the test has a bit to spare");
    assert_eq!(decode(5, 0, [&[0][..]]), Err(Code::WrongCount));
    assert_eq!(decode(5, 0, [&[][..]]), Ok(Vec::new()));
}

#[test]
fn a_run_beyond_what_the_records_can_skip_is_refused_at_once() {
    // One record of two bytes: k is 15, so its unary part has one zero at most.
    assert_eq!(decode(2, 1, [&[0x7f, 0xff, 0x80][..]]).unwrap(), [0xff; 2]);
    for bytes in [[0x3f, 0xff, 0xff], [0; 3]] {
        let code = decode(2, 1, [bytes.as_slice()]);
        assert_eq!(code, Err(Code::MalformedMessage));
    }
    // A megabyte of zeros: the list cannot be done for longer than its first bytes.
    let mut decoder = Rice.decoder(32, 1000).unwrap();
    let zeros = vec![0; 1 << 20];
    let longest = 1024 / 8;
    decoder
        .decode(&zeros[..longest - 1], &mut Vec::new())
        .unwrap();
    assert!(decoder.decode(&zeros[..1], &mut Vec::new()).is_err());
    assert!(decoder.decode(&zeros, &mut Vec::new()).is_err());
}

#[test]
fn a_gap_that_leaves_too_few_values_for_the_rest_is_refused() {
    // Three records of one byte: k is 6. The first can be 253 at most.
    let first = |value: u8| {
        let mut bits = vec![false; usize::from(value / 64)];
        bits.push(true);
        bits.extend((0..6).rev().map(|place| value >> place & 1 == 1));
        bits.extend([true, false, false, false, false, false, false].repeat(2));
        reference::pack(&bits)
    };
    assert_eq!(decode(1, 3, [&first(253)[..]]).unwrap(), [253, 254, 255]);
    for value in [254, 255] {
        let code = decode(1, 3, [&first(value)[..]]);
        assert_eq!(code, Err(Code::MalformedMessage), "{value}");
    }
}

#[test]
fn of_all_short_streams_exactly_the_codes_of_the_lists_are_accepted() {
    // Two records of one byte take 14 to 17 bits: k is 6, and three zeros are the most.
    let mut accepted = 0;
    let mut take = |bytes: &[u8]| {
        if let Ok(records) = decode(1, 2, [bytes]) {
            assert!(records[0] < records[1], "{records:?}");
            assert_eq!(encode(1, 2, &records).unwrap(), bytes);
            accepted += 1;
        }
    };
    for first in 0..=255 {
        take(&[first]);
        for second in 0..=255 {
            take(&[first, second]);
            for third in [0, 1, 0x40, 0x7f, 0x80, 0x81, 0xc0, 0xff] {
                take(&[first, second, third]);
            }
        }
    }
    assert_eq!(accepted, 256 * 255 / 2);
}

#[test]
fn random_lists_cost_what_the_specification_says() {
    for (width, number) in [
        (11, 1000),
        (11, 1500),
        (11, 10_000),
        (32, 1023),
        (32, 20_000),
    ] {
        let bytes = round_trips(width, &random(width, number, 3));
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let saved = 8.0 * (width * number - bytes.len()) as f64 / number as f64;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let possible = (number as f64).log2() - 1.44;
        assert!(
            (possible - 0.25..possible + 0.1).contains(&saved),
            "{saved} bits of each of {number} records saved, at most {possible} can be"
        );
    }
}

#[test]
fn no_list_of_a_job_decodes_to_twice_its_bytes_or_more() {
    let sizes = (0..=36).flat_map(|bits| [1_u64 << bits, (1 << bits) + limits::CANARIES_MAX]);
    for n1 in sizes.clone().filter(|n1| *n1 <= limits::IDENTITIES_MAX) {
        for n2 in sizes.clone().filter(|n2| *n2 <= limits::IDENTITIES_MAX) {
            let points = n1 + limits::CANARIES_MAX;
            for (width, count) in [(32, points), (tag::tag_bytes(points, n2), n2)] {
                let fewest_bits = parameter(width, count) as usize + 1;
                assert!(8 * width < 2 * fewest_bits, "{count} records of {width}");
            }
        }
    }
}

#[test]
fn what_is_no_list_is_this_sides_own_mistake() {
    for (width, count, records) in [
        (2, 2, &b"abc"[..]),
        (2, 2, b"abab"),
        (2, 2, b"abaa"),
        (2, 2, b"ab"),
        (2, 2, b"aaabac"),
        (2, 0, b"aa"),
        (2, 2, &[0xff, 0xff]),
        (0, 1, b""),
        (33, 1, &[0; 33]),
        (1, 257, b""),
        (2, u64::MAX, b""),
    ] {
        let error = encode(width, count, records).unwrap_err();
        assert!(matches!(error, Error::ApiMisuse(_)), "{error}");
    }
    for (width, count) in [(0, 0), (33, 0), (1, 257), (7, 1 << 60)] {
        let error = Rice.decoder(width, count).err().unwrap();
        assert!(matches!(error, Error::ApiMisuse(_)), "{error}");
    }
}

/// A list of up to 200 records of any width, random, dense, or in clusters.
fn lists() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let list = |width: usize| {
        let free = width.min(2);
        let random = prop::collection::vec(any::<u8>(), width);
        let clustered = prop::collection::vec(any::<u8>(), free).prop_map(move |mut end| {
            let mut record = vec![end[0] % 3; width - free];
            record.append(&mut end);
            record
        });
        let records = prop_oneof![
            prop::collection::btree_set(random, 0..200),
            prop::collection::btree_set(clustered, 0..200),
        ];
        records.prop_map(move |all| (width, all.into_iter().flatten().collect()))
    };
    (1_usize..=32).prop_flat_map(list)
}

proptest! {
    #[test]
    fn any_list_decodes_to_what_was_encoded_wherever_it_is_cut(
        (width, records) in lists(),
        cuts in prop::collection::vec(1_usize..60, 1..20),
    ) {
        let bytes = round_trips(width, &records);
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, later) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = later;
        }
        prop_assert_eq!(decode(width, count(width, &records), pieces).unwrap(), records);
    }

    #[test]
    fn an_altered_code_is_refused_or_is_that_of_another_list(
        (width, records) in lists(),
        flips in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        more in prop::collection::vec(any::<u8>(), 0..3),
        fewer in 0_usize..3,
        cut in any::<prop::sample::Index>(),
    ) {
        let count = count(width, &records);
        let mut bytes = round_trips(width, &records);
        bytes.truncate(bytes.len().saturating_sub(fewer));
        bytes.extend(more);
        if !bytes.is_empty() {
            for flip in flips {
                let bit = flip.index(8 * bytes.len());
                bytes[bit / 8] ^= 0x80 >> (bit % 8);
            }
        }
        let (front, back) = bytes.split_at(cut.index(bytes.len() + 1));
        let whole = decode(width, count, [bytes.as_slice()]);
        let pieces = decode(width, count, [front, back]);
        prop_assert_eq!(whole.is_ok(), pieces.is_ok());
        if let Ok(list) = pieces {
            prop_assert_eq!(encode(width, count, &list).unwrap(), bytes);
        }
    }

    #[test]
    fn noise_is_refused_or_is_the_code_of_a_list(
        width in 1_usize..=32,
        count in 0_u64..40,
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(0xff)], 0..200),
    ) {
        if let Ok(list) = decode(width, count, [bytes.as_slice()]) {
            prop_assert_eq!(encode(width, count, &list).unwrap(), bytes);
        }
    }
}
