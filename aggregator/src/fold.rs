//! Reading a sorted list of row records from front to back.
//!
//! Spec 10 §4.1. Used at load and when the input of a job is frozen. Holds one batch of records.

use psi_core::store::RecordList;
use zeroize::Zeroizing;

use crate::error::FreezeError;

/// Records read at a time.
const BATCH_RECORDS: usize = 4096;

/// Calls `visit` for every record of `list`, in its order.
///
/// # Errors
/// Those of the store, and what `visit` returns, which ends the reading.
pub(crate) fn for_each_record(
    list: &dyn RecordList,
    visit: &mut dyn FnMut(&[u8]) -> Result<(), FreezeError>,
) -> Result<(), FreezeError> {
    let mut reader = list.reader()?;
    let mut batch = Zeroizing::new(Vec::new());
    loop {
        reader.next_batch(&mut batch, BATCH_RECORDS)?;
        if batch.is_empty() {
            return Ok(());
        }
        for record in batch.chunks_exact(list.width()) {
            visit(record)?;
        }
    }
}
