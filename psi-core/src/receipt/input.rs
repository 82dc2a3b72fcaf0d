//! The digest that binds a side to its frozen input.
//!
//! Spec 07 §3. The node calls this when it has frozen its input, and so does the replay of a job.
//! It reads the lists and keeps nothing of them.

use sha2::{Digest as _, Sha512};
use zeroize::Zeroizing;

use crate::receipt::InputDigest;
use crate::session::{BATCH_RECORDS, JobLists, SharedList};
use crate::store::StoreError;

/// `SHA-512("psi/v1/input" || number of lists || per list: role, width, count, records)`.
///
/// `others`, the identities that are in none of the lists, are hashed as well and the result
/// dropped, so that this takes as long whatever is selected.
///
/// # Errors
/// [`StoreError`] if a list cannot be read.
pub fn input_digest(lists: &JobLists, others: &[SharedList]) -> Result<InputDigest, StoreError> {
    let parts = lists.parts.iter().flatten().map(|list| (0_u8, list));
    let positions = lists.positions.iter().map(|list| (1_u8, list));
    let lists: Vec<(u8, &SharedList)> = parts.chain(positions).collect();
    let mut hash = Sha512::new()
        .chain_update(b"psi/v1/input")
        .chain_update((lists.len() as u64).to_be_bytes());
    for (role, list) in lists {
        absorb(&mut hash, role, list)?;
    }
    let mut unused = Sha512::new();
    for list in others {
        absorb(&mut unused, 0, list)?;
    }
    std::hint::black_box(unused.finalize());
    Ok(InputDigest(hash.finalize().into()))
}

/// Adds a list to a hash.
fn absorb(hash: &mut Sha512, role: u8, list: &SharedList) -> Result<(), StoreError> {
    // With room for all: a buffer that grows would leave copies that nobody erases.
    let mut batch = Zeroizing::new(Vec::with_capacity(BATCH_RECORDS * list.width()));
    hash.update([role]);
    hash.update((list.width() as u64).to_be_bytes());
    hash.update(list.len().to_be_bytes());
    let mut reader = list.reader()?;
    loop {
        reader.next_batch(&mut batch, BATCH_RECORDS)?;
        if batch.is_empty() {
            return Ok(());
        }
        hash.update(batch.as_slice());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use std::sync::Arc;

    use super::*;
    use crate::store::{MemoryStore, RecordList, RecordReader, RecordStore as _};

    fn list(width: usize, records: &[u8]) -> SharedList {
        let mut writer = MemoryStore.in_order(width).unwrap();
        writer.push(records).unwrap();
        Arc::from(writer.finish().unwrap())
    }

    /// A list that counts the records that are read of it.
    struct Watched(SharedList, Arc<AtomicU64>);

    impl RecordList for Watched {
        fn width(&self) -> usize {
            self.0.width()
        }

        fn len(&self) -> u64 {
            self.0.len()
        }

        fn reader(&self) -> Result<Box<dyn RecordReader + '_>, StoreError> {
            self.1.fetch_add(self.0.len(), Ordering::Relaxed);
            self.0.reader()
        }
    }

    #[test]
    fn the_digest_reads_as_many_records_whatever_was_selected() {
        let read = |selected: u8| {
            let count = Arc::new(AtomicU64::new(0));
            let watched = |from: u8, to: u8| -> SharedList {
                let records: Vec<u8> = (from..to).flat_map(|n| [n; 32]).collect();
                Arc::new(Watched(list(32, &records), Arc::clone(&count)))
            };
            let lists = JobLists {
                parts: Some(vec![watched(0, selected)]),
                positions: None,
            };
            input_digest(&lists, &[watched(selected, 9)]).unwrap();
            count.load(Ordering::Relaxed)
        };
        assert_eq!([0, 4, 9].map(read), [9, 9, 9]);
    }

    #[test]
    fn the_digest_binds_role_width_and_every_record() {
        let frozen = |parts: &[&[u8]], payload: Option<(usize, &[u8])>| JobLists {
            parts: Some(parts.iter().map(|records| list(32, records)).collect()),
            positions: payload.map(|(width, records)| list(width, records)),
        };
        let (one, two) = ([1; 32], [2; 32]);
        let mut both = one.to_vec();
        both.extend(two);
        let paid = [3; 40];
        let inputs = [
            frozen(&[&both], None),
            frozen(&[&one, &two], None),
            frozen(&[&two, &one], None),
            frozen(&[&both, &[]], None),
            frozen(&[&both], Some((32, &one))),
            frozen(&[&both, &one], None),
            frozen(&[&both], Some((40, &paid))),
        ];
        let digests = inputs
            .each_ref()
            .map(|input| input_digest(input, &[]).unwrap());
        for (number, digest) in digests.iter().enumerate() {
            assert!(!digests[number + 1..].contains(digest), "{number}");
            assert_eq!(input_digest(&inputs[number], &[]).unwrap(), *digest);
        }
    }
}
