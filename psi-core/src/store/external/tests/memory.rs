//! What lists take from the budget, and that it is never more than was promised.

use super::*;

/// The most that a list being written takes beyond the budget: the guaranteed part, half of it more
/// while it grows.
fn writer_slack(tuning: Tuning) -> usize {
    tuning.guaranteed_bytes * 3 / 2
}

/// The most that a reader, or a merge of runs with the buffer it writes from, takes.
fn merge_slack(tuning: Tuning) -> usize {
    tuning.merge_runs_max * tuning.read_buffer_max + tuning.read_buffer_max
}

#[test]
fn a_list_that_fits_takes_its_memory_until_it_is_dropped() {
    let rig = rig(
        1 << 20,
        Tuning {
            list_bytes_max: 1 << 18,
            ..SMALL
        },
    );
    let mut writer = rig.store.unsorted(32).unwrap();
    writer.push(&random(1, 100_000 / 32 * 32)).unwrap();
    let list = writer.finish().unwrap();
    assert!((100_000 / 32 * 32..=200_000).contains(&rig.budget.taken()));
    assert_eq!(rig.runs.usage().made, 0);
    drop(list);
    rig.assert_nothing_is_left();
}

#[test]
fn a_list_made_short_by_dropping_equals_gives_back_what_it_does_not_need() {
    let rig = rig(
        1 << 20,
        Tuning {
            list_bytes_max: 1 << 18,
            ..SMALL
        },
    );
    let mut writer = rig.store.unsorted(32).unwrap();
    writer.push(&vec![7; 96_000]).unwrap();
    let list = writer.finish_distinct().unwrap();
    assert_eq!((list.len(), rig.budget.taken()), (1, 32));
}

#[test]
fn a_finished_list_of_runs_takes_memory_only_while_it_is_read() {
    let rig = rig(1 << 14, SMALL);
    let mut writer = rig.store.unsorted(32).unwrap();
    writer.push(&random(1, 32_000)).unwrap();
    let list = writer.finish().unwrap();
    assert_eq!(rig.budget.taken(), 0);
    let reader = list.reader().unwrap();
    assert!(rig.budget.taken() > 0);
    assert!(rig.budget.taken() <= merge_slack(SMALL));
    drop(reader);
    assert_eq!(rig.budget.taken(), 0);
}

#[test]
fn an_index_for_sorting_is_counted() {
    // 17 bytes are sorted by an index of 16 bytes a record: half as many fit.
    let tuning = Tuning {
        guaranteed_bytes: 330,
        list_bytes_max: 330,
        ..TINY
    };
    let rig = rig(0, tuning);
    let mut writer = rig.store.unsorted(17).unwrap();
    writer.push(&random(1, 17 * 10)).unwrap();
    assert_eq!((rig.budget.taken(), rig.runs.usage().made), (330, 0));
    writer.push(&random(2, 17)).unwrap();
    assert_eq!(rig.runs.usage().made, 1);
}

#[test]
fn writers_that_share_a_budget_stay_within_it_and_their_guaranteed_parts() {
    const THREADS: usize = 4;
    let total = 40_000;
    let rig = rig(total, SMALL);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &rig.store;
            scope.spawn(move || {
                for round in 0..6 {
                    let seed = u8::try_from(thread * 10 + round).unwrap();
                    let width = [11, 32, 17, 48][(thread + round) % 4];
                    let records = random(seed, width * (300 << round));
                    let mut writer = store.unsorted(width).unwrap();
                    for piece in records.chunks(width * 50) {
                        writer.push(piece).unwrap();
                    }
                    let list = writer.finish().unwrap();
                    assert!(read_all(&*list) == sorted(&records, width));
                }
            });
        }
    });
    let most = total + THREADS * (writer_slack(SMALL) + merge_slack(SMALL));
    assert!(rig.budget.peak() <= most, "{} > {most}", rig.budget.peak());
    assert!(rig.runs.usage().made > 20);
    rig.assert_nothing_is_left();
}

#[test]
fn a_list_goes_on_with_its_guaranteed_part_when_others_hold_all_memory() {
    let rig = rig(10_000, SMALL);
    let held = rig.budget.take(10_000);
    let records = random(1, 32_000);
    let mut writer = rig.store.unsorted(32).unwrap();
    writer.push(&records).unwrap();
    let list = writer.finish().unwrap();
    assert!(read_all(&*list) == sorted(&records, 32));
    let most = 10_000 + writer_slack(SMALL) + merge_slack(SMALL);
    assert!(rig.budget.peak() <= most, "{} > {most}", rig.budget.peak());
    drop(held);
}

#[test]
fn a_list_is_not_moved_for_a_little_more_room() {
    // The cap is one record above what doubling reaches: moving would hold the list twice.
    let tuning = Tuning {
        guaranteed_bytes: 32 * 32,
        list_bytes_max: 32 * 65,
        ..SMALL
    };
    let rig = rig(1 << 20, tuning);
    let mut writer = rig.store.unsorted(32).unwrap();
    writer.push(&random(1, 32 * 65)).unwrap();
    assert_eq!(rig.runs.usage().made, 1);
    assert!(rig.budget.peak() <= 32 * (32 + 64), "{}", rig.budget.peak());
}

#[test]
fn hundreds_of_finished_lists_keep_next_to_nothing_beyond_the_budget() {
    const LISTS: usize = 512;
    let total = 10_000;
    for sorts in [true, false] {
        let rig = rig(total, SMALL);
        let lists: Vec<_> = (0..LISTS)
            .map(|number| {
                let records = random(u8::try_from(number % 251).unwrap(), 32 * 20);
                let mut writer = if sorts {
                    rig.store.unsorted(32).unwrap()
                } else {
                    rig.store.in_order(32).unwrap()
                };
                writer.push(&records).unwrap();
                let expected = if sorts { sorted(&records, 32) } else { records };
                (writer.finish().unwrap(), expected)
            })
            .collect();
        let most = total + writer_slack(SMALL);
        assert!(rig.budget.peak() <= most, "{} > {most}", rig.budget.peak());
        // Lists of 640 bytes, each in a buffer of 1 KiB: most of them cannot have stayed.
        assert!(rig.budget.taken() <= total, "{}", rig.budget.taken());
        assert!(rig.runs.usage().runs >= LISTS - total / 640);
        for (list, expected) in &lists {
            assert!(read_all(&**list) == *expected);
        }
        drop(lists);
        rig.assert_nothing_is_left();
    }
}

#[test]
fn a_short_list_stays_in_memory_when_others_hold_all_of_it() {
    let rig = rig(10_000, SMALL);
    let held = rig.budget.take(20_000);
    let mut writer = rig.store.in_order(4_000).unwrap();
    writer.push(&[]).unwrap();
    let empty = writer.finish().unwrap();
    let mut writer = rig.store.unsorted(32).unwrap();
    writer.push(&[7; 32]).unwrap();
    let list = writer.finish_distinct().unwrap();
    assert_eq!((empty.len(), list.len()), (0, 1));
    assert_eq!(rig.runs.usage().made, 0);
    drop((held, empty, list));
    rig.assert_nothing_is_left();
}
