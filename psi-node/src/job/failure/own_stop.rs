//! Why a node ends a job that is in order, by itself.
//!
//! Part of [`super::Failure`]; made by the job runner and the receipt chain. None of it is a fault of
//! the peer.

use psi_core::Code;

/// Why this node ended a job that was in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnStop {
    /// A settlement showed that the other node no longer runs the job.
    PeerGaveUp,
    /// The last entry of the receipt log lacks the other member's signature, so none may follow.
    LogUnfinished,
}

impl OwnStop {
    /// What happened.
    pub(in crate::job) const fn sentence(self) -> &'static str {
        match self {
            Self::PeerGaveUp => "this node ended the job, because the other node no longer runs it",
            Self::LogUnfinished => {
                "this node ended the job, because the last entry of the receipt log still lacks the \
                 other member's signature"
            }
        }
    }

    /// What the person at the command line can do.
    pub(in crate::job) const fn remedy(self) -> &'static str {
        match self {
            Self::PeerGaveUp => {
                "run the query again; the other node gave the job up, and its own log says why"
            }
            Self::LogUnfinished => {
                "run the query again: the signature is fetched when the two nodes next connect"
            }
        }
    }

    /// What the peer is told, if it is told anything.
    pub(in crate::job) const fn code(self) -> Code {
        match self {
            Self::PeerGaveUp => Code::Interrupted,
            Self::LogUnfinished => Code::Unavailable,
        }
    }
}
