//! The Sender's payload, read row by row.
//!
//! Spec 11 §6. A row's payload is that of its position, so the list is read once for each part.

use zeroize::Zeroizing;

use super::setup::TransferSetup;
use super::work::read_exact;
use crate::error::Error;
use crate::store::{RecordList, RecordReader};

/// Reads the payload once for each part.
pub(super) struct Payload<'a> {
    list: &'a dyn RecordList,
    reader: Box<dyn RecordReader + 'a>,
    left: u64,
    setup: TransferSetup,
    piece: Zeroizing<Vec<u8>>,
    values: Zeroizing<Vec<u8>>,
}

impl<'a> Payload<'a> {
    pub(super) fn new(list: &'a dyn RecordList, setup: TransferSetup) -> Result<Self, Error> {
        Ok(Self {
            list,
            reader: list.reader()?,
            left: list.len(),
            setup,
            piece: Zeroizing::default(),
            values: Zeroizing::default(),
        })
    }

    /// The values of the next rows.
    pub(super) fn next_rows(&mut self, mut rows: u64) -> Result<&[u8], Error> {
        self.values.clear();
        // With room for all: a buffer that grows would leave copies that nobody erases.
        let bytes = usize::try_from(rows).unwrap_or(0) * self.setup.row_bytes();
        self.values.reserve_exact(bytes);
        self.piece.reserve_exact(bytes);
        while rows > 0 {
            if self.left == 0 {
                self.reader = self.list.reader()?;
                self.left = self.list.len();
            }
            let count = rows.min(self.left);
            let width = self.setup.row_bytes();
            read_exact(self.reader.as_mut(), width, count, &mut self.piece)?;
            self.values.extend_from_slice(&self.piece);
            self.left -= count;
            rows -= count;
        }
        Ok(&self.values)
    }
}
