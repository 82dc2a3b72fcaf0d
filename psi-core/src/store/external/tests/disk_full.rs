//! A disk that is full at any byte: the list fails with that kind, leaves nothing, harms no other.

use super::*;

/// How a list is made and ended.
#[derive(Clone, Copy, Debug)]
enum Way {
    Sorted,
    Distinct,
    InOrder,
}

fn write(
    store: &dyn RecordStore,
    way: Way,
    records: &[u8],
) -> Result<Box<dyn RecordList>, StoreError> {
    let mut writer = match way {
        Way::Sorted | Way::Distinct => store.unsorted(32)?,
        Way::InOrder => store.in_order(32)?,
    };
    for piece in records.chunks(32 * 9) {
        writer.push(piece)?;
    }
    match way {
        Way::Distinct => writer.finish_distinct(),
        Way::Sorted | Way::InOrder => writer.finish(),
    }
}

/// Fills the disk after every number of bytes at which a run of this list could meet its end.
fn full_at_every_place(way: Way, wrap: impl Fn(&Rig) -> Box<dyn RecordStore>) {
    let records = random(6, 32 * 120);
    let other_records = random(7, 32 * 50);
    let needed = {
        let rig = rig(0, TINY);
        drop(write(&*wrap(&rig), way, &records).unwrap());
        rig.runs.usage().written
    };
    assert!(needed >= 32 * 120);
    for room in (0..needed).step_by(32) {
        let rig = rig(0, TINY);
        let store = wrap(&rig);
        let other = write(&*store, Way::Sorted, &other_records).unwrap();
        let before = rig.runs.usage();
        rig.runs.set_room(room);
        let error = write(&*store, way, &records)
            .err()
            .expect("the disk is full");
        assert_eq!(error.kind, StoreErrorKind::DiskFull, "{way:?} after {room}");
        let after = rig.runs.usage();
        assert_eq!(
            (after.runs, after.bytes),
            (before.runs, before.bytes),
            "{way:?} after {room}: the list left runs"
        );
        assert!(read_all(&*other) == sorted(&other_records, 32));
        // With room again, the store works as before.
        rig.runs.set_room(u64::MAX);
        assert!(write(&*store, way, &records).is_ok());
        drop(other);
        rig.assert_nothing_is_left();
    }
}

#[test]
fn a_sorted_list_fails_cleanly_wherever_the_disk_is_full() {
    full_at_every_place(Way::Sorted, |rig| Box::new(rig.store.clone()));
}

#[test]
fn a_distinct_list_fails_cleanly_wherever_the_disk_is_full() {
    full_at_every_place(Way::Distinct, |rig| Box::new(rig.store.clone()));
}

#[test]
fn a_list_in_order_fails_cleanly_wherever_the_disk_is_full() {
    full_at_every_place(Way::InOrder, |rig| Box::new(rig.store.clone()));
}

#[test]
fn a_list_in_the_background_fails_cleanly_wherever_the_disk_is_full() {
    full_at_every_place(Way::Sorted, |rig| {
        Box::new(BackgroundStore::new(rig.store.clone(), rig.budget.clone()))
    });
}

#[test]
fn a_list_given_up_half_way_leaves_nothing() {
    let rig = rig(0, TINY);
    for records in [0, 5, 50, 500] {
        let mut writer = rig.store.unsorted(32).unwrap();
        writer.push(&random(1, 32 * records)).unwrap();
        drop(writer);
        let mut writer = rig.store.in_order(32).unwrap();
        writer.push(&random(1, 32 * records)).unwrap();
        drop(writer);
        rig.assert_nothing_is_left();
    }
}
