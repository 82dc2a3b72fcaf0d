use proptest::prelude::*;

use super::{OrderCheck, RecordCodec as _, Rice, encode_list};
use crate::error::{Code, Error};
use crate::store::{MemoryStore, RecordList, RecordStore as _};

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

fn store(width: usize, records: &[u8]) -> Box<dyn RecordList> {
    let mut writer = MemoryStore.in_order(width).unwrap();
    writer.push(records).unwrap();
    writer.finish().unwrap()
}

#[test]
fn a_list_comes_in_pieces_of_the_size_asked_for_that_count_its_records() {
    // More than one batch; 2,500 of them are adjacent and take less than a byte each.
    let numbers = (0..10_000_u32).map(|n| if n < 2500 { n } else { 99_991 * n });
    let records: Vec<u8> = numbers.flat_map(u32::to_be_bytes).collect();
    let list = store(4, &records);
    for piece_bytes in [1, 7, 1000, 1 << 20] {
        let (mut bytes, mut counted, mut sizes) = (Vec::new(), 0, Vec::new());
        encode_list(&Rice, list.as_ref(), piece_bytes, &mut |piece| {
            sizes.push(piece.bytes.len());
            counted += piece.records;
            bytes.extend(piece.bytes);
            Ok(())
        })
        .unwrap();
        assert_eq!(counted, 10_000);
        let end = sizes.pop().unwrap();
        assert!((1..=piece_bytes).contains(&end), "{end} bytes");
        assert!(sizes.iter().all(|size| *size == piece_bytes));
        let mut again = Vec::new();
        let mut decoder = Rice.decoder(4, 10_000).unwrap();
        decoder.decode(&bytes, &mut again).unwrap();
        assert_eq!(again, records);
    }
}

#[test]
fn an_empty_list_has_no_piece() {
    encode_list(&Rice, store(4, &[]).as_ref(), 100, &mut |_| {
        panic!("a piece of nothing")
    })
    .unwrap();
}

#[test]
fn encoding_stops_where_the_sink_does_and_at_a_list_out_of_order() {
    let list = store(1, &[1, 2, 3]);
    let stop = encode_list(&Rice, list.as_ref(), 1, &mut |_| Err(Error::Cancelled));
    assert!(matches!(stop, Err(Error::Cancelled)));
    let list = store(1, &[1, 3, 2]);
    let stop = encode_list(&Rice, list.as_ref(), 1, &mut |_| Ok(()));
    assert!(matches!(stop, Err(Error::ApiMisuse(_))));
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
}
