use proptest::prelude::*;

use super::{OrderCheck, Plain, RecordCodec, encode_list};
use crate::error::{Code, Error};
use crate::store::{MemoryStore, RecordStore as _};

/// Feeds `pieces` and ends the list; the code of the first error.
fn outcome(width: usize, expected: u64, pieces: &[&[u8]]) -> Result<(), Code> {
    let mut check = OrderCheck::new(width, expected);
    for piece in pieces {
        check.push(piece).map_err(|error| error.code())?;
    }
    check.finish().map_err(|error| error.code())
}

#[test]
fn a_strictly_increasing_list_of_the_right_length_passes() {
    assert_eq!(outcome(2, 3, &[b"aaabba"]), Ok(()));
    assert_eq!(outcome(2, 3, &[b"aa", b"", b"abba"]), Ok(()));
    assert_eq!(outcome(2, 0, &[b""]), Ok(()));
    // The smallest record of all may come first.
    assert_eq!(outcome(2, 1, &[&[0, 0]]), Ok(()));
}

#[test]
fn equal_and_descending_neighbours_are_refused_within_and_across_pieces() {
    for pieces in [
        &[&b"abab"[..]][..],
        &[b"ab", b"ab"],
        &[b"abaa"],
        &[b"ab", b"aa"],
    ] {
        assert_eq!(
            outcome(2, 2, pieces),
            Err(Code::NotIncreasing),
            "{pieces:?}"
        );
    }
    assert_eq!(outcome(2, 2, &[&[0, 0, 0, 0]]), Err(Code::NotIncreasing));
}

#[test]
fn too_many_and_too_few_records_are_refused() {
    assert_eq!(outcome(2, 2, &[b"aaabba"]), Err(Code::WrongCount));
    assert_eq!(outcome(2, 2, &[b"aaab", b"ba"]), Err(Code::WrongCount));
    assert_eq!(outcome(2, 0, &[b"aa"]), Err(Code::WrongCount));
    assert_eq!(outcome(2, 2, &[b"aa"]), Err(Code::WrongCount));
    assert_eq!(outcome(2, 2, &[]), Err(Code::WrongCount));
}

#[test]
fn a_part_of_a_record_is_refused() {
    assert_eq!(outcome(2, 2, &[b"aab"]), Err(Code::MalformedMessage));
}

#[test]
fn completeness_is_known_at_the_last_record() {
    let mut check = OrderCheck::new(1, 2);
    assert!(!check.is_complete());
    check.push(b"a").unwrap();
    assert_eq!((check.count(), check.is_complete()), (1, false));
    check.push(b"b").unwrap();
    assert_eq!((check.count(), check.is_complete()), (2, true));
}

fn decode(codec: &dyn RecordCodec, width: usize, pieces: &[&[u8]]) -> Result<Vec<u8>, Error> {
    let mut decoder = codec.decoder(width);
    let mut records = Vec::new();
    for piece in pieces {
        decoder.decode(piece, &mut records)?;
        assert!(
            records.len().is_multiple_of(width),
            "decoders hand out whole records"
        );
    }
    decoder.finish()?;
    Ok(records)
}

#[test]
fn a_list_that_ends_within_a_record_is_refused() {
    for pieces in [
        &[&b"abc"[..]][..],
        &[b"ab", b"c"],
        &[b"a"],
        &[b"abcdef", b"g"],
    ] {
        let code = decode(&Plain, 2, pieces).map_err(|error| error.code());
        assert_eq!(code, Err(Code::MalformedMessage), "{pieces:?}");
    }
}

#[test]
fn encoding_a_part_of_a_record_is_this_sides_own_mistake() {
    let mut out = Vec::new();
    let error = Plain.encoder(2).encode(b"abc", &mut out).unwrap_err();
    assert!(matches!(error, Error::ApiMisuse(_)));
}

proptest! {
    #[test]
    fn the_check_agrees_with_comparing_all_neighbours(
        records in prop::collection::vec(0_u8..12, 0..8),
        expected in 0_u64..8,
        cut in 0_usize..8,
    ) {
        let (front, back) = records.split_at(cut.min(records.len()));
        let rising = records.windows(2).all(|pair| pair[0] < pair[1]);
        let right = rising && records.len() as u64 == expected;
        prop_assert_eq!(outcome(1, expected, &[front, back]).is_ok(), right);
    }

    #[test]
    fn a_list_decodes_to_what_was_encoded_wherever_its_bytes_are_cut(
        width in 1_usize..40,
        count in 0_usize..50,
        batch in 0_usize..20,
        cuts in prop::collection::vec(1_usize..60, 1..20),
    ) {
        let records: Vec<u8> = (0..width * count).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let mut writer = MemoryStore.in_order(width).unwrap();
        writer.push(&records).unwrap();
        let list = writer.finish().unwrap();
        let mut bytes = Vec::new();
        let mut reader = list.reader().unwrap();
        encode_list(&Plain, width, reader.as_mut(), batch, &mut |piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        }).unwrap();
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
        prop_assert_eq!(decode(&Plain, width, &pieces).unwrap(), records);
    }
}
