//! Lists that many threads sort and merge are those of one thread, byte for byte, and take no more
//! memory than was promised.

use rayon::ThreadPoolBuilder;

use super::*;
use crate::store::ListThreads;

/// The numbers of threads that are compared.
const THREADS: [usize; 4] = [1, 2, 3, 8];

fn threads(count: usize) -> ListThreads {
    ListThreads::of(ThreadPoolBuilder::new().num_threads(count).build().unwrap())
}

fn rig_of(tuning: Tuning, count: usize) -> Rig {
    let rig = rig(0, tuning);
    Rig {
        store: rig.store.clone().with_threads(threads(count)),
        ..rig
    }
}

/// Buffers of 16 records, blocks of 64, so that some thousand records are many blocks.
const BLOCKS: Tuning = Tuning {
    guaranteed_bytes: 32 * 300,
    small_list_bytes: 64,
    list_bytes_max: 32 * 300,
    merge_runs_max: 12,
    list_runs_max: 24,
    read_buffer_min: 32 * 8,
    read_buffer_max: 32 * 16,
};

/// What a reader or a merge takes at most, with the buffer that a merge writes from.
fn merge_bytes(tuning: Tuning) -> usize {
    (tuning.merge_runs_max + 4 + 1) * tuning.read_buffer_max
}

/// Records of 32 bytes that differ as little as their name says.
fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    let count = 1_500;
    let random = random(7, 32 * count);
    let with = |change: &dyn Fn(usize, &mut [u8])| {
        let mut records = random.clone();
        let each = records.chunks_exact_mut(32).enumerate();
        each.for_each(|(place, record)| change(place, record));
        records
    };
    vec![
        ("random", random.clone()),
        ("none", Vec::new()),
        ("one", random[..32].to_vec()),
        ("equal first byte", with(&|_, record| record[0] = 9)),
        (
            "equal first eight bytes",
            with(&|_, record| record[..8].fill(9)),
        ),
        (
            "equal but the last byte",
            with(&|_, record| record[..31].fill(9)),
        ),
        ("all equal", with(&|_, record| record.fill(9))),
        ("each twice", [random.as_slice(), &random].concat()),
        (
            "one value among others, often",
            with(&|place, record| {
                if place % 3 > 0 {
                    record.fill(100);
                }
            }),
        ),
        (
            "two values far apart",
            with(&|place, record| record.fill(if place % 2 == 0 { 0 } else { 0xff })),
        ),
        ("ascending", sorted(&random, 32)),
        (
            "descending",
            sorted(&random, 32)
                .rchunks_exact(32)
                .flatten()
                .copied()
                .collect(),
        ),
    ]
}

fn written(rig: &Rig, records: &[u8], width: usize) -> Box<dyn RecordWriter> {
    let mut writer = rig.store.unsorted(width).unwrap();
    for piece in records.chunks(width * 70) {
        writer.push(piece).unwrap();
    }
    writer
}

#[test]
fn lists_are_the_same_whatever_the_number_of_threads() {
    for tuning in [BLOCKS, SMALL] {
        for (what, records) in inputs() {
            let expected = sorted(&records, 32);
            let mut distinct: Vec<&[u8]> = expected.chunks_exact(32).collect();
            distinct.dedup();
            let distinct = distinct.concat();
            for count in THREADS {
                let rig = rig_of(tuning, count);
                let list = written(&rig, &records, 32).finish().unwrap();
                assert!(read_all(&*list) == expected, "{what}, {count} threads");
                drop(list);
                let list = written(&rig, &records, 32).finish_distinct().unwrap();
                assert_eq!(list.len(), distinct.len() as u64 / 32, "{what}, {count}");
                assert!(read_all(&*list) == distinct, "{what}, {count} threads");
                drop(list);
                rig.assert_nothing_is_left();
            }
        }
    }
}

#[test]
fn runs_of_any_lengths_and_places_are_merged_in_order() {
    // Runs that begin or end before others, as a list that came partly sorted gives.
    for count in THREADS {
        let rig = rig_of(BLOCKS, count);
        let mut writer = rig.store.unsorted(32).unwrap();
        let mut all = Vec::new();
        for (seed, first) in (0..9_u8).zip([0, 0, 200, 100, 0, 50, 50, 255, 0]) {
            let mut run = random(seed, 32 * 300);
            for record in run.chunks_exact_mut(32) {
                record[0] = first.max(record[0] % 8);
            }
            writer.push(&run).unwrap();
            all.extend(run);
        }
        writer.push(&all[..32 * 3]).unwrap();
        all.extend_from_within(..32 * 3);
        let list = writer.finish().unwrap();
        assert!(rig.runs.usage().runs > 8);
        assert!(read_all(&*list) == sorted(&all, 32), "{count} threads");
    }
}

#[test]
fn a_store_whose_threads_merge_keeps_the_promises_of_every_store() {
    let rig = rig_of(TINY, 3);
    let background = BackgroundStore::new(rig.store.clone(), rig.budget.clone());
    conformance::check(&background);
    rig.assert_nothing_is_left();
}

#[test]
fn memory_stays_within_what_was_promised_however_the_records_are_skewed() {
    for (what, records) in inputs() {
        for count in THREADS {
            let rig = rig_of(BLOCKS, count);
            let list = written(&rig, &records, 32).finish().unwrap();
            let writing = rig.budget.peak();
            let most = BLOCKS.guaranteed_bytes * 3 / 2 + merge_bytes(BLOCKS);
            assert!(writing <= most, "{what}, {count}: {writing} > {most}");
            let mut reader = list.reader().unwrap();
            let mut batch = Vec::new();
            loop {
                reader.next_batch(&mut batch, 50).unwrap();
                let taken = rig.budget.taken();
                let most = merge_bytes(BLOCKS) + BLOCKS.small_list_bytes;
                assert!(taken <= most, "{what}, {count}: {taken} > {most}");
                if batch.is_empty() {
                    break;
                }
            }
        }
    }
}

#[test]
fn threads_for_lists_may_be_waited_for_by_all_of_rayons() {
    let rig = rig_of(BLOCKS, 3);
    let store = BackgroundStore::new(rig.store.clone(), rig.budget.clone());
    let records = random(3, 32 * 2_000);
    let expected = sorted(&records, 32);
    let pool = ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    pool.scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|_| {
                let mut writer = store.unsorted(32).unwrap();
                writer.push(&records).unwrap();
                let list = writer.finish().unwrap();
                assert!(read_all(&*list) == expected);
            });
        }
    });
}
