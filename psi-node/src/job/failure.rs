//! Why a job ended without a result, and what each audience is told about it.
//!
//! Spec 09 §3. The peer is told a code, the owner's log a sentence, the person at the command line
//! a sentence and a remedy. Made by the job runner; never holds data of either side.

use aggregator::{FreezeError, QueryError, Refusal, Unavailable};
use psi_core::Code;
use psi_core::store::StoreErrorKind;

use crate::exit::Exit;
use crate::net::{ConnectError, NetError};
use crate::runs;
use crate::state::{JobState, StateError};

/// Why a job has no result.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The query or the configuration is at fault.
    #[error("{what}")]
    Input {
        /// What is wrong, and where.
        what: String,
        /// What to do about it.
        remedy: String,
    },
    /// This node's own policy says no.
    #[error("{}", .0.sentence)]
    OwnRefusal(Refusal),
    /// The peer's policy says no.
    #[error("the other node refused the query: {0}")]
    PeerRefusal(Code),
    /// The peer cannot be reached.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// The connection or the peer's bytes failed.
    #[error("{0}")]
    Net(#[from] NetError),
    /// A step of the protocol failed.
    #[error("{0}")]
    Protocol(#[from] psi_core::Error),
    /// The peer ended the job.
    #[error("the other node ended the job: {0}")]
    PeerAborted(Code),
    /// The receipt logs of the two members do not agree.
    #[error("the receipt log of this collaboration cannot be continued: {0}")]
    Receipts(String),
    /// This node's own data cannot be served now.
    #[error("{0}")]
    OwnData(String),
    /// This node's own state failed.
    #[error("{0}")]
    State(#[from] StateError),
    /// The owner cancelled the job, or the node is stopping.
    #[error("the job was cancelled")]
    Cancelled,
    /// A background thread ended abnormally.
    #[error("internal error, please report it: {0}")]
    Internal(String),
}

impl Failure {
    /// What the peer is told.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Protocol(error) => error.code(),
            Self::Net(error) => error.code(),
            Self::PeerRefusal(code) | Self::PeerAborted(code) => *code,
            Self::OwnRefusal(refusal) => refusal.code,
            Self::Receipts(_) => Code::ReceiptsDisagree,
            Self::Cancelled => Code::Cancelled,
            Self::Connect(_) => Code::Interrupted,
            Self::Input { .. } | Self::OwnData(_) | Self::State(_) | Self::Internal(_) => {
                Code::Unavailable
            }
        }
    }

    /// The stable text that says why there is no result: a code, or what only this side knows.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Input { .. } => "bad_input",
            Self::Connect(_) => "peer_unreachable",
            Self::State(_) | Self::Internal(_) => "internal",
            Self::Protocol(psi_core::Error::Store(error)) => match error.kind {
                StoreErrorKind::DiskFull => "disk_full",
                StoreErrorKind::DiskLimit => "disk_limit",
                _ => "internal",
            },
            other => other.code().as_str(),
        }
    }

    /// How the job ended for this node.
    #[must_use]
    pub const fn state(&self) -> JobState {
        match self {
            Self::Input { .. } | Self::OwnRefusal(_) | Self::PeerRefusal(_) => JobState::Refused,
            _ => JobState::Aborted,
        }
    }

    /// The exit code of the command that waited for the job.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Input { .. }
            | Self::OwnData(_)
            | Self::Protocol(psi_core::Error::Limit { .. }) => Exit::BadInput,
            Self::OwnRefusal(_) => Exit::RefusedByPolicy,
            Self::PeerRefusal(_) => Exit::RefusedByPeer,
            Self::Connect(_) => Exit::PeerUnreachable,
            Self::Receipts(_) => Exit::ReceiptsWrong,
            Self::State(_) | Self::Internal(_) => Exit::Internal,
            Self::Protocol(psi_core::Error::Store(_) | psi_core::Error::ApiMisuse(_)) => {
                Exit::Internal
            }
            Self::Protocol(_) | Self::Net(_) | Self::PeerAborted(_) | Self::Cancelled => {
                if self.code().is_violation() {
                    Exit::ProtocolViolation
                } else {
                    Exit::Interrupted
                }
            }
        }
    }

    /// What the person at the command line can do.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Input { remedy, .. } => remedy.clone(),
            Self::OwnRefusal(refusal) => refusal.remedy.clone(),
            Self::PeerRefusal(code) => format!("{} {}", code.meaning().trim(), ask_peer(*code)),
            Self::Connect(_) => "check that the other node is running, that its address in the \
                                 collaboration is right, and that it has joined the collaboration"
                .into(),
            Self::Receipts(_) => "compare both members' exported logs; after a restore from a \
                                  backup, record a statement with `psi-node receipts repair`"
                .into(),
            Self::OwnData(_) => "run `psi-node check` and mend what it reports".into(),
            Self::State(_) => "check the disk that holds the state folder".into(),
            Self::Cancelled => "run the query again".into(),
            Self::Internal(_) => "run the query again; if it happens again, report it".into(),
            Self::Protocol(psi_core::Error::Store(error)) => runs::remedy(error.kind).into(),
            Self::Protocol(_) | Self::Net(_) | Self::PeerAborted(_) => {
                if self.code().is_violation() {
                    "one of the two nodes broke the protocol: compare their versions, then the \
                     logs of both"
                        .into()
                } else {
                    "run the query again; the attempt stays on the receipt log if the job had been \
                     opened"
                        .into()
                }
            }
        }
    }
}

fn ask_peer(code: Code) -> &'static str {
    match code {
        Code::KeyNotUnique => "Count distinct keys instead.",
        Code::KindsDiffer => "Both sides must declare the same kinds for the key's columns.",
        Code::TooManyJobs => "Try again later.",
        _ => "The reason stands in the other node's own log; ask its owner.",
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Refused(refusal) => Self::OwnRefusal(refusal),
            other => Self::Input {
                what: other.to_string(),
                remedy: other.remedy(),
            },
        }
    }
}

impl From<Unavailable> for Failure {
    fn from(error: Unavailable) -> Self {
        Self::OwnData(error.to_string())
    }
}

impl From<FreezeError> for Failure {
    fn from(error: FreezeError) -> Self {
        match error {
            FreezeError::Cancelled => Self::Cancelled,
            FreezeError::Core(error) => Self::Protocol(error),
            other => Self::OwnData(other.to_string()),
        }
    }
}
