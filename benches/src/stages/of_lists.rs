//! What is done with lists, of points and of tags.

use std::hint::black_box;

use psi_core::list::{OrderCheck, RecordCodec as _, Rice};
use psi_core::matching;
use psi_core::messages::frame::{ListId, RowsHeader};
use psi_core::seed::{JobSeed, Purpose};
use psi_core::store::{ListThreads, MemoryStore};
use psi_core::transcript::ListTranscript;

use crate::least;
use crate::lists::{RECORDS, finished, random, read, spilling, written};
use crate::stage::{Spread, Stage};

/// Bytes of a tag where both sides have a million identities.
pub(crate) const TAG: usize = 11;

/// Threads for lists that a machine of 32 cores has.
const THREADS: usize = 8;

struct Names {
    sort: &'static str,
    spill: &'static str,
    spill_on_threads: &'static str,
    merge: &'static str,
    merge_on_threads: &'static str,
    hash: &'static str,
    encode: &'static str,
    decode: &'static str,
    order: &'static str,
}

const POINTS: Names = Names {
    sort: "points: sort in memory",
    spill: "points: sort and write 16 runs",
    spill_on_threads: "points: sort and write, on threads for lists",
    merge: "points: merge 16 runs",
    merge_on_threads: "points: merge, on threads for lists",
    hash: "points: hash for the transcript",
    encode: "points: encode for the wire",
    decode: "points: decode",
    order: "points: check the order",
};

const TAGS: Names = Names {
    sort: "tags: sort in memory",
    spill: "tags: sort and write 16 runs",
    spill_on_threads: "tags: sort and write, on threads for lists",
    merge: "tags: merge 16 runs",
    merge_on_threads: "tags: merge, on threads for lists",
    hash: "tags: hash for the transcript",
    encode: "tags: encode for the wire",
    decode: "tags: decode",
    order: "tags: check the order",
};

pub(crate) fn stages(repeat: u32) -> Vec<Stage> {
    let mut drawn = vec![0; 32 * RECORDS];
    let filler = least(repeat, RECORDS, || {
        JobSeed::new([3; 32])
            .stream(Purpose::Filler, 0, 0)
            .fill(&mut drawn);
    });
    let mut stages = vec![Stage::new("filler: draw digests", Spread::One, filler)];
    stages.extend(of(32, &POINTS, repeat));
    stages.extend(of(TAG, &TAGS, repeat));
    let [own, other] = [1, 2].map(|part| finished(&MemoryStore, TAG, &random(TAG, part)));
    let nanos = least(repeat, RECORDS, || {
        matching::merge(own.as_ref(), other.as_ref(), |_| {}).expect("lists can be read");
    });
    stages.push(Stage::new("match two lists of tags", Spread::One, nanos));
    stages
}

/// Bytes of a point of such a list in its code, on average.
pub(crate) fn coded_point_bytes() -> f64 {
    let mut bytes = Vec::new();
    encode(32, &sorted(32, &random(32, 1)), &mut bytes);
    let bytes = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    f64::from(bytes) / f64::from(u32::try_from(RECORDS).unwrap_or(u32::MAX))
}

/// All records in ascending order.
fn sorted(width: usize, records: &[u8]) -> Vec<u8> {
    let mut sorted = Vec::new();
    let list = finished(&MemoryStore, width, records);
    let mut reader = list.reader().expect("a list can be read");
    reader
        .next_batch(&mut sorted, RECORDS)
        .expect("a list can be read");
    sorted
}

/// Appends the code of ascending records.
fn encode(width: usize, sorted: &[u8], bytes: &mut Vec<u8>) {
    let mut encoder = Rice
        .encoder(width, RECORDS as u64)
        .expect("the codec serves this width");
    encoder
        .encode(sorted, bytes)
        .and_then(|()| encoder.finish(bytes))
        .expect("distinct records in ascending order");
}

fn of(width: usize, names: &Names, repeat: u32) -> Vec<Stage> {
    let mut stages = Vec::new();
    let mut add = |what, spread, nanos| stages.push(Stage::new(what, spread, nanos));
    let records = random(width, 1);
    let copy = least(repeat, RECORDS, || {
        black_box(written(&MemoryStore, width, &records));
    });
    let whole = least(repeat, RECORDS, || {
        black_box(finished(&MemoryStore, width, &records));
    });
    add(names.sort, Spread::Cores, whole - copy);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build();
    let threads = ListThreads::of(pool.expect("the system has some more threads"));
    let alone = (Spread::One, names.spill, names.merge, spilling(width));
    let shared = (
        Spread::Lists,
        names.spill_on_threads,
        names.merge_on_threads,
        spilling(width).with_threads(threads),
    );
    for (spread, spill, merge, store) in [alone, shared] {
        let nanos = least(repeat, RECORDS, || {
            black_box(finished(&store, width, &records));
        });
        add(spill, spread, nanos);
        let list = finished(&store, width, &records);
        add(
            merge,
            spread,
            least(repeat, RECORDS, || read(list.as_ref())),
        );
    }
    let sorted = sorted(width, &records);
    let count = RECORDS as u64;
    let list = RowsHeader {
        list: ListId::Blinded,
        match_index: 0,
        part: 0,
    };
    let nanos = least(repeat, RECORDS, || {
        let mut transcript = ListTranscript::new(list, width, count);
        transcript.update(&sorted);
        black_box(transcript.finish());
    });
    add(names.hash, Spread::One, nanos);
    let mut bytes = Vec::with_capacity(2 * sorted.len());
    let nanos = least(repeat, RECORDS, || {
        bytes.clear();
        encode(width, &sorted, &mut bytes);
    });
    add(names.encode, Spread::One, nanos);
    let mut out = Vec::with_capacity(2 * sorted.len());
    let nanos = least(repeat, RECORDS, || {
        out.clear();
        let mut decoder = Rice
            .decoder(width, count)
            .expect("the codec serves this width");
        decoder
            .decode(&bytes, &mut out)
            .expect("what the encoder wrote");
    });
    add(names.decode, Spread::One, nanos);
    let nanos = least(repeat, RECORDS, || {
        let mut order = OrderCheck::new(width, count);
        order.push(&sorted).expect("ascending records");
        black_box(order.is_complete());
    });
    add(names.order, Spread::One, nanos);
    stages
}
