//! How long-running work reports its progress, and learns that it should stop.
//!
//! This crate only calls a trait; the command line alone draws bars (Spec 01 §4).

use crate::error::Error;

/// The stages of one side's half of a match that take time proportional to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Reading this side's table and digesting identifiers.
    Freeze,
    /// Blinding this side's list (Receiver) or computing tags (Sender).
    Blind,
    /// Sending this side's list.
    Send,
    /// Receiving the peer's list.
    Receive,
    /// Raising the peer's blinded list to this side's scalar (Sender).
    Evaluate,
    /// Removing this side's blinding and matching (Receiver).
    Match,
    /// The oblivious transfer of the sums: columns, check and corrections (Spec 11).
    Transfer,
}

impl Stage {
    /// The stable text of the stage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Freeze => "freeze",
            Self::Blind => "blind",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Evaluate => "evaluate",
            Self::Match => "match",
            Self::Transfer => "transfer",
        }
    }
}

/// Receives progress and may ask for a stop. Implementations must be cheap: every batch calls it.
pub trait Progress: Send + Sync {
    /// `done` of `total` records of `stage` are finished.
    ///
    /// # Errors
    /// [`Error::Cancelled`] to make the work stop; nothing else.
    fn report(&self, stage: Stage, done: u64, total: u64) -> Result<(), Error>;
}

/// Ignores progress and never asks for a stop.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: Stage, _: u64, _: u64) -> Result<(), Error> {
        Ok(())
    }
}
