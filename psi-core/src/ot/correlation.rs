//! The Sender's half of the correlation: rows `q`. Each differs from the Receiver's row `t` by
//! Delta exactly where the Receiver's bit is set.
//!
//! Spec 11 §4 and §5. [`super::sender`] calls this. The columns are kept as they came. What follows
//! from them and the seeds is computed again wherever it is needed, and never kept.

use rayon::prelude::*;
use zeroize::Zeroizing;

use super::columns::{self, BLOCK_RECORDS, COLUMN_RECORD_BYTES, COLUMNS, Expander, Word};
use super::consistency::{Challenge, Tally, column_mask};
use super::setup::TransferSetup;
use super::work::{BATCH_WORDS, read_exact};
use crate::error::Error;
use crate::progress::Stage;
use crate::session::Tools;
use crate::store::{RecordList, RecordReader};

/// Makes the Sender's half of the correlation from the columns received:
/// `q_i = G(k_i) + Delta_i * u_i`.
pub(super) struct OwnColumns {
    pub(super) delta: Zeroizing<u128>,
    pub(super) expander: Expander,
}

impl OwnColumns {
    /// The words from counter `first` on.
    pub(super) fn words(&self, first: u64, records: &[u8]) -> Zeroizing<Vec<Word>> {
        let masks: [u128; COLUMNS] = std::array::from_fn(|i| column_mask(*self.delta, i));
        let masks = Zeroizing::new(masks);
        let mut words = columns::decode(records);
        for word in words.iter_mut() {
            for (column, mask) in word.iter_mut().zip(masks.iter()) {
                *column &= mask;
            }
        }
        self.expander.add(first, &mut words);
        words
    }
}

/// The Sender's half of the correlation, over all rows.
pub(super) struct Correlation {
    pub(super) setup: TransferSetup,
    pub(super) tools: Tools,
    pub(super) own: OwnColumns,
    /// As received.
    pub(super) columns: Box<dyn RecordList>,
}

impl Correlation {
    /// A reader that starts at the first row, and the record of sacrificed rows.
    pub(super) fn reader(&self) -> Result<(Box<dyn RecordReader + '_>, Vec<u8>), Error> {
        let mut reader = self.columns.reader()?;
        let mut sacrificed = Vec::new();
        read_exact(reader.as_mut(), COLUMN_RECORD_BYTES, 1, &mut sacrificed)?;
        Ok((reader, sacrificed))
    }

    /// The hash of each column on this side.
    #[expect(
        clippy::indexing_slicing,
        reason = "INVARIANT: one record was read, so there is one word"
    )]
    pub(super) fn tally(&self, challenge: &Challenge) -> Result<Tally, Error> {
        let (mut reader, sacrificed) = self.reader()?;
        let mut tally = Tally::of_sacrificed(&self.own.words(0, &sacrificed)[0]);
        let total = self.setup.words();
        let mut done = 0;
        let mut records = Vec::new();
        while done < total {
            let count = (BATCH_WORDS as u64).min(total - done);
            read_exact(reader.as_mut(), COLUMN_RECORD_BYTES, count, &mut records)?;
            let tallies: Vec<Tally> = records
                .par_chunks(BLOCK_RECORDS * COLUMN_RECORD_BYTES)
                .enumerate()
                .map(|(chunk, records)| {
                    let first = done + (chunk * BLOCK_RECORDS) as u64;
                    let words = self.own.words(1 + first, records);
                    challenge.columns(first / BLOCK_RECORDS as u64, &words)
                })
                .collect();
            for other in &tallies {
                tally.add(other);
            }
            done += count;
            let progress = &self.tools.progress;
            progress.report(Stage::Transfer, total + done, 3 * total)?;
        }
        Ok(tally)
    }
}
