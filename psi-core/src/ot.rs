//! Oblivious transfer for sums. The Sender holds a vector of numbers for each of its positions, the
//! Receiver one match bit per row. At the end, each holds an additive share of the sums over the
//! matched rows.
//!
//! Spec 11. Two state machines without I/O, in the manner of [`crate::session`]: a state is named
//! for the message it awaits and is consumed by it.
//!
//! ```text
//! Receiver                                        Sender
//!                                                 sender::choose -> points, ExpectBaseKeys
//! ExpectBasePoints -> keys, SendColumns           ExpectBaseKeys -> ExpectColumns
//! SendColumns      -> columns, then the answer    ExpectColumns  -> ExpectCheck
//!                     to the check,
//!                     ExpectCorrections           ExpectCheck    -> Correlated
//!                                                 Correlated     -> corrections, its share
//! ExpectCorrections -> its share
//! ```
//!
//! Corrections come only out of [`sender::Correlated`], and that comes only out of a check that
//! held. So a caller has nothing that it could send earlier. [`opening`] turns two shares into
//! sums.
//!
//! [`crate::session`] calls this between a match and its opening. It never sees an identifier, a
//! point of the match or a column of a table, and knows nothing of groups or of what a component
//! means.
//!
//! Cost per row, for L components: 16 bytes to the Sender, 8 L to the Receiver. Memory does not
//! grow with the rows, except for one bit of each at the Receiver. The Sender's columns are kept in
//! the [`crate::store::RecordStore`].

mod base;
pub mod bounds;
pub mod choices;
mod columns;
mod consistency;
mod correlation;
pub mod opening;
mod pads;
mod payload;
pub mod receiver;
pub mod sender;
mod setup;
pub mod share;
mod transpose;
mod work;

pub use base::{BASE_KEYS_BYTES, BASE_POINTS_BYTES};
pub use columns::COLUMN_RECORD_BYTES;
pub use consistency::CHECK_BYTES;
pub use setup::TransferSetup;

use zeroize::Zeroizing;

use crate::seed::SeedStream;
use crate::transcript::ListHash;
use share::Share;

/// The first half of the next 32 bytes of a side's stream: what it draws for itself (Spec 11 §3).
fn draw(stream: &mut SeedStream) -> Zeroizing<u128> {
    let mut drawn = Zeroizing::new([0; 32]);
    stream.fill(drawn.as_mut());
    let first = drawn.first_chunk::<16>();
    Zeroizing::new(first.map_or(0, |bytes| u128::from_le_bytes(*bytes)))
}

/// The end of a transfer, on either side.
pub struct Transferred {
    /// Kept: this side's share of every sum.
    pub share: Share,
    /// Kept: for the closing entry.
    pub transcripts: TransferTranscripts,
}

/// The hashes of a transfer's message lists (Spec 05 §5), equal on both sides, in the order of the
/// steps. They follow those of the match when a direction is combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransferTranscripts {
    /// Base keys, columns, the answer to the check.
    pub to_sender: [ListHash; 3],
    /// Base points, corrections.
    pub to_receiver: [ListHash; 2],
}

#[cfg(test)]
mod tests;
