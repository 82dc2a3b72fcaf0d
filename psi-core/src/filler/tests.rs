use proptest::prelude::*;

use super::{FILL_BATCH, Padded, redraw};
use crate::digest::Digest;
use crate::error::Error;
use crate::seed::{JobSeed, Purpose, SeedStream};
use crate::store::{MemoryStore, RecordList, RecordStore as _};

fn stream() -> SeedStream {
    JobSeed::new([3; 32]).stream(Purpose::Filler, 0, 0)
}

/// `count` digests that are spread over the whole range, as real ones are.
fn real_digests(count: usize) -> Vec<Digest> {
    let mut digests = redraw(
        &mut JobSeed::new([4; 32]).stream(Purpose::Filler, 0, 0),
        count,
    );
    digests.sort_unstable();
    digests
}

fn list(digests: &[Digest]) -> Box<dyn RecordList> {
    let mut writer = MemoryStore.in_order(32).unwrap();
    writer.push(digests.as_flattened()).unwrap();
    writer.finish().unwrap()
}

fn read_all(padded: &Padded<'_>, batch: usize) -> Vec<Digest> {
    let mut reader = padded.reader().unwrap();
    let mut all = Vec::new();
    let mut out = vec![[9; 32]];
    loop {
        reader.next_batch(&mut out, &mut Vec::new(), batch).unwrap();
        all.extend_from_slice(&out);
        if out.len() < batch {
            return all;
        }
    }
}

#[test]
fn the_length_is_the_total_whatever_the_number_of_real_digests() {
    let total = 3 * FILL_BATCH + 5;
    for real in [0, 1, FILL_BATCH, total - 1, total] {
        let digests = real_digests(real);
        let real = list(&digests);
        let padded = Padded::new(Some(&*real), total as u64, &mut stream(), &MemoryStore).unwrap();
        assert_eq!(padded.len(), total as u64);
        let all = read_all(&padded, 700);
        assert_eq!(all.len(), total);
        assert!(
            all.windows(2).all(|pair| pair[0] < pair[1]),
            "ascending and distinct"
        );
        assert!(
            digests
                .iter()
                .all(|digest| all.binary_search(digest).is_ok()),
            "every real digest"
        );
    }
}

#[test]
fn real_digests_and_filler_are_interleaved() {
    let digests = real_digests(500);
    let real = list(&digests);
    let padded = Padded::new(Some(&*real), 1_000, &mut stream(), &MemoryStore).unwrap();
    let all = read_all(&padded, 64);
    // Of 1,000 digests in random order, 500 real ones come in groups of about two.
    let is_real: Vec<bool> = all
        .iter()
        .map(|digest| digests.binary_search(digest).is_ok())
        .collect();
    let changes = is_real.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(
        changes > 300,
        "{changes} changes between real digests and filler"
    );
}

#[test]
fn without_a_real_list_all_is_filler_from_the_stream() {
    let padded = Padded::new(None, 10, &mut stream(), &MemoryStore).unwrap();
    let mut expected = redraw(&mut stream(), 10);
    expected.sort_unstable();
    assert_eq!(read_all(&padded, 3), expected);
    assert!(!padded.is_empty());
    let nothing = Padded::new(None, 0, &mut stream(), &MemoryStore).unwrap();
    assert!(nothing.is_empty() && read_all(&nothing, 3).is_empty());
}

#[test]
fn redrawing_continues_the_stream_behind_the_filler() {
    let mut stream_of_job = stream();
    Padded::new(None, 10, &mut stream_of_job, &MemoryStore).unwrap();
    assert_eq!(
        redraw(&mut stream_of_job, 2),
        redraw(&mut stream(), 12)[10..]
    );
}

#[test]
fn more_real_digests_than_the_registered_size_are_an_error() {
    let real = list(&real_digests(11));
    let error = Padded::new(Some(&*real), 10, &mut stream(), &MemoryStore).err();
    assert!(matches!(
        error,
        Some(Error::Limit {
            value: 11,
            limit: 10,
            ..
        })
    ));
}

#[test]
fn a_list_of_other_records_than_digests_is_a_mistake() {
    let other = MemoryStore.in_order(31).unwrap().finish().unwrap();
    let error = Padded::new(Some(&*other), 10, &mut stream(), &MemoryStore).err();
    assert!(matches!(error, Some(Error::ApiMisuse(_))));
}

proptest! {
    #[test]
    fn padding_is_the_sorted_union_of_real_digests_and_filler(
        real in 0_usize..60,
        more in 0_usize..60,
        batch in 1_usize..40,
    ) {
        let digests = real_digests(real);
        let kept = list(&digests);
        let total = (real + more) as u64;
        let padded = Padded::new(Some(&*kept), total, &mut stream(), &MemoryStore).unwrap();
        let mut expected = [digests, redraw(&mut stream(), more)].concat();
        expected.sort_unstable();
        prop_assert_eq!(read_all(&padded, batch), expected);
    }
}

#[test]
fn payload_stands_beside_its_digest_and_filler_has_zeros() {
    let digests = real_digests(300);
    let mut writer = MemoryStore.in_order(34).unwrap();
    for (number, digest) in (1_u16..).zip(&digests) {
        writer
            .push(&[digest.as_slice(), &number.to_be_bytes()].concat())
            .unwrap();
    }
    let real = writer.finish().unwrap();
    let (total, mut seed) = (1000, stream());
    let padded = Padded::with_payload(Some(&*real), 2, total, &mut seed, &MemoryStore).unwrap();
    let mut reader = padded.reader().unwrap();
    let (mut out, mut beside) = (Vec::new(), Vec::new());
    reader.next_batch(&mut out, &mut beside, 2000).unwrap();
    assert_eq!((out.len(), beside.len()), (1000, 2000));
    assert!(out.is_sorted());
    for (digest, payload) in out.iter().zip(beside.chunks(2)) {
        let number = digests.iter().position(|known| known == digest);
        let expected = number.map_or(0, |number| u16::try_from(number + 1).unwrap());
        assert_eq!(payload, expected.to_be_bytes());
    }
    let error = Padded::new(Some(&*real), total, &mut seed, &MemoryStore).err();
    assert!(matches!(error, Some(Error::ApiMisuse(_))));
}

#[test]
fn as_many_digests_are_drawn_whatever_the_number_of_real_ones() {
    let after = |count: usize| {
        let real = list(&real_digests(count));
        let mut stream = stream();
        Padded::new(Some(&*real), 1_000, &mut stream, &MemoryStore).unwrap();
        redraw(&mut stream, 1)
    };
    let none = after(0);
    assert_eq!(none, after(1));
    assert_eq!(none, after(999));
    assert_eq!(none, after(1_000));
}
