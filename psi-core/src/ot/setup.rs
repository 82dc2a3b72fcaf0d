//! The numbers of one transfer (Spec 11 §1).

use std::ops::Range;

use crate::error::Error;
use crate::limits;
use crate::messages::frame::{ListId, RowsHeader};
use crate::spec::JobId;
use crate::transcript::{ListHash, ListTranscript};

use super::columns::WORD_ROWS;

/// What both roles know about one transfer before it starts. All of it is public.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferSetup {
    pub(super) job_id: JobId,
    pub(super) match_index: u8,
    parts: u16,
    positions: u64,
    components: u16,
}

impl TransferSetup {
    /// A transfer over `parts` parts of the Receiver's list and `positions` positions of the
    /// Sender's (N2), with `components` numbers per position (L).
    ///
    /// # Errors
    /// [`Error::ApiMisuse`] if a number is 0; [`Error::Limit`] beyond
    /// [`limits::TRANSFER_COMPONENTS_MAX`], [`limits::TRANSFER_ROWS_MAX`] or
    /// [`limits::TRANSFER_SUMS_MAX`].
    pub fn new(
        job_id: JobId,
        match_index: u8,
        parts: u16,
        positions: u64,
        components: u16,
    ) -> Result<Self, Error> {
        if parts == 0 || positions == 0 || components == 0 {
            return Err(Error::ApiMisuse("a transfer of nothing"));
        }
        let within = |what, value: Option<u64>, limit| match value {
            Some(value) if value <= limit => Ok(()),
            value => Err(Error::Limit {
                what,
                value: value.unwrap_or(u64::MAX),
                limit,
            }),
        };
        within(
            "the number of components",
            Some(components.into()),
            limits::TRANSFER_COMPONENTS_MAX as u64,
        )?;
        within(
            "the number of rows, parts times positions,",
            positions.checked_mul(parts.into()),
            limits::TRANSFER_ROWS_MAX,
        )?;
        within(
            "the number of sums, parts times components,",
            Some(u64::from(parts) * u64::from(components)),
            limits::TRANSFER_SUMS_MAX,
        )?;
        Ok(Self {
            job_id,
            match_index,
            parts,
            positions,
            components,
        })
    }

    /// Parts of the Receiver's list.
    #[must_use]
    pub const fn parts(&self) -> u16 {
        self.parts
    }

    /// The Sender's positions, N2.
    #[must_use]
    pub const fn positions(&self) -> u64 {
        self.positions
    }

    /// Numbers per position, L.
    #[must_use]
    pub fn components(&self) -> usize {
        self.components.into()
    }

    /// Rows of the transfer: parts times positions, part by part.
    #[must_use]
    pub fn rows(&self) -> u64 {
        // INVARIANT: at most TRANSFER_ROWS_MAX, by `new`.
        u64::from(self.parts) * self.positions
    }

    /// Words of 128 rows; the last of them may be incomplete.
    pub(super) fn words(&self) -> u64 {
        self.rows().div_ceil(WORD_ROWS)
    }

    /// Records of the list of columns: one of sacrificed rows, and one per word.
    #[must_use]
    pub fn column_records(&self) -> u64 {
        1 + self.words()
    }

    /// Bytes of a position's payload, and of a row's correction: 8 per component.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        8 * self.components()
    }

    /// Pairs of components; the last may hold one alone.
    pub(super) const fn pairs(&self) -> u16 {
        self.components.div_ceil(2)
    }

    /// The components of a pair.
    pub(super) fn components_of(&self, pair: u16) -> Range<usize> {
        let first = 2 * usize::from(pair);
        first..(first + 2).min(self.components())
    }

    /// The number of sums that come out: parts times components.
    #[must_use]
    pub fn sums(&self) -> usize {
        // INVARIANT: at most TRANSFER_SUMS_MAX, by `new`.
        usize::from(self.parts) * self.components()
    }

    /// The part and position of a row.
    pub(super) fn place(&self, row: u64) -> Place {
        // Rows are below parts times positions, so the quotient fits. Another row would be a bug of
        // this module, and gets a part that no row has.
        Place {
            part: u16::try_from(row / self.positions).unwrap_or(u16::MAX),
            position: row % self.positions,
        }
    }

    /// The transcript of one of this transfer's lists.
    pub(super) fn transcript(&self, list: ListId, width: usize, count: u64) -> ListTranscript {
        let header = RowsHeader {
            list,
            match_index: self.match_index,
            part: 0,
        };
        ListTranscript::new(header, width, count)
    }

    /// The transcript of a message that is one record.
    pub(super) fn transcript_of_one(&self, list: ListId, message: &[u8]) -> ListHash {
        let mut transcript = self.transcript(list, message.len(), 1);
        transcript.update(message);
        transcript.finish()
    }

    /// The transcript of the corrections.
    pub(super) fn corrections_transcript(&self) -> ListTranscript {
        self.transcript(ListId::Corrections, self.row_bytes(), self.rows())
    }

    /// The bytes that every hash of this transfer includes.
    pub(super) fn context(&self) -> [u8; 65] {
        let mut context = [0; 65];
        context[..64].copy_from_slice(self.job_id.as_bytes());
        context[64] = self.match_index;
        context
    }

    /// All numbers of the transfer, for the challenge.
    pub(super) fn dimensions(&self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..2].copy_from_slice(&self.parts.to_be_bytes());
        bytes[2..10].copy_from_slice(&self.positions.to_be_bytes());
        bytes[10..].copy_from_slice(&self.components.to_be_bytes());
        bytes
    }
}

/// The part and position of a row.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) part: u16,
    pub(super) position: u64,
}

impl Place {
    /// The place of the next row. After the last row, a place that no row has.
    pub(super) const fn next(self, setup: &TransferSetup) -> Self {
        let position = self.position + 1;
        if position < setup.positions {
            Self { position, ..self }
        } else {
            let part = self.part.saturating_add(1);
            Self { part, position: 0 }
        }
    }
}
