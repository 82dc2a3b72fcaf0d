//! Why a job ended without a result, and what each audience is told about it.
//!
//! Spec 09 §3. The peer is told a code, the owner's log a sentence, the person at the command line
//! a sentence and a remedy. Made by the job runner; never holds data of either side.

use aggregator::{FreezeError, QueryError, Refusal, ResultError, Unavailable};
use psi_core::Code;
use psi_core::store::StoreErrorKind;

mod not_met;
pub(in crate::job) mod own_stop;
#[cfg(test)]
mod texts;
mod way_out;

use self::not_met::{connecting, not_joined};
use self::own_stop::OwnStop;
use self::way_out::way_out;
use crate::exit::Exit;
use crate::net::{ConnectError, NetError};
use crate::run_files;
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
    /// Two jobs wanted the one approval of this node's owner.
    #[error("the approval {0} was used by another job, or has expired")]
    ApprovalSpent(String),
    /// The peer's policy says no.
    #[error("the other node refused the query: {0}")]
    PeerRefusal(Code),
    /// The same, with a sentence about the part of the query that it can mean.
    #[error("the other node refused the query: {0}. {1}")]
    PeerRefusalOf(Code, String),
    /// The peer cannot be reached.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// The other node is there and does not know the collaboration, or not this node's key.
    #[error("{member} has not joined {collab} yet, or takes no part in it now")]
    NotJoined {
        /// The other member.
        member: String,
        /// The collaboration.
        collab: String,
        /// Whether this node has accepted its invite and lacks its signature.
        awaited: bool,
    },
    /// The connection or the peer's bytes failed.
    #[error("{0}")]
    Net(#[from] NetError),
    /// A step of the protocol failed.
    #[error("{0}")]
    Protocol(#[from] psi_core::Error),
    /// The peer ended the job.
    #[error("the other node ended the job: {0}")]
    PeerAborted(Code),
    /// This node ended the job, by no fault of the job.
    #[error("{}", .0.sentence())]
    OwnStop(OwnStop),
    /// The receipt logs of the two members do not agree.
    #[error("the receipt log of this collaboration cannot be continued: {0}")]
    Receipts(String),
    /// This node's own data cannot be served now.
    #[error("{0}")]
    OwnData(String),
    /// The job ran, and its answer is larger than what this version computes with.
    #[error("{0}")]
    Result(String),
    /// The job ran, and its list could not be written to the file.
    #[error("the list was not written: {0}")]
    NotWritten(String),
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
    /// Whether the peer still waits to hear how the job ended.
    #[must_use]
    pub const fn is_news_for_peer(&self) -> bool {
        !matches!(
            self,
            Self::PeerAborted(_)
                | Self::PeerRefusal(_)
                | Self::PeerRefusalOf(..)
                | Self::OwnStop(OwnStop::PeerGaveUp)
        )
    }

    /// The same, of a job: a peer that resets its stream, or reads no more of this side's, says what
    /// its `Abort` would have said.
    pub(in crate::job) fn of_job(self) -> Self {
        match self {
            Self::Net(NetError::Reset(code)) => Self::PeerAborted(code),
            other => other,
        }
    }

    /// What the peer is told.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Protocol(error) => error.code(),
            Self::Net(error) => error.code(),
            Self::PeerRefusal(code) | Self::PeerRefusalOf(code, _) | Self::PeerAborted(code) => {
                *code
            }
            Self::OwnStop(stop) => stop.code(),
            Self::OwnRefusal(refusal) => refusal.code,
            Self::Receipts(_) => Code::ReceiptsDisagree,
            Self::ApprovalSpent(_) => Code::ApprovalPending,
            Self::Cancelled => Code::Cancelled,
            Self::Connect(_) => Code::Interrupted,
            Self::NotJoined { .. } => Code::UnknownCollaboration,
            Self::Input { .. }
            | Self::OwnData(_)
            | Self::Result(_)
            | Self::NotWritten(_)
            | Self::State(_)
            | Self::Internal(_) => Code::Unavailable,
        }
    }

    /// The stable text that says why the result is missing: a code, or what only this side knows.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Input { .. } => "bad_input",
            Self::Connect(_) => "peer_unreachable",
            Self::NotJoined { .. } => "not_joined",
            Self::Result(_) => "result_too_large",
            Self::NotWritten(_) => "not_written",
            Self::State(_) | Self::Internal(_) => "internal",
            Self::OwnStop(OwnStop::LogUnfinished) => "log_unfinished",
            Self::Protocol(psi_core::Error::Store(error)) => match error.kind {
                StoreErrorKind::DiskFull => "disk_full",
                StoreErrorKind::DiskLimit => "disk_limit",
                _ => "internal",
            },
            other => other.code().as_str(),
        }
    }

    /// Whether one of the nodes does as much as it may, so that asking again later helps.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.code() == Code::TooManyJobs
    }

    /// Whether this node's owner has to decide about the question first.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(
            self,
            Self::OwnRefusal(Refusal {
                code: Code::ApprovalPending,
                ..
            })
        )
    }

    /// How the job ended for this node.
    #[must_use]
    pub const fn state(&self) -> JobState {
        match self {
            Self::Input { .. }
            | Self::OwnRefusal(_)
            | Self::PeerRefusal(_)
            | Self::PeerRefusalOf(..)
            | Self::NotJoined { .. } => JobState::Refused,
            _ => JobState::Aborted,
        }
    }

    /// The exit code of the command that waited for the job.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Input { .. }
            | Self::OwnData(_)
            | Self::Result(_)
            | Self::Protocol(psi_core::Error::Limit { .. }) => Exit::BadInput,
            // A settlement that comes before the question ends with such a code too.
            Self::OwnRefusal(_) | Self::PeerRefusal(_) | Self::PeerAborted(_) if self.is_busy() => {
                Exit::Busy
            }
            Self::OwnRefusal(_) | Self::ApprovalSpent(_) => Exit::RefusedByPolicy,
            Self::PeerRefusal(_) | Self::PeerRefusalOf(..) | Self::NotJoined { .. } => {
                Exit::RefusedByPeer
            }
            Self::Connect(_) => Exit::PeerUnreachable,
            Self::Receipts(_) => Exit::ReceiptsWrong,
            Self::NotWritten(_) | Self::State(_) | Self::Internal(_) => Exit::Internal,
            Self::Protocol(psi_core::Error::Store(_) | psi_core::Error::ApiMisuse(_)) => {
                Exit::Internal
            }
            Self::OwnStop(_) | Self::Cancelled => Exit::Interrupted,
            Self::Protocol(_) | Self::Net(_) | Self::PeerAborted(_) => {
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
            // A settlement that comes before the question ends with such a code too.
            Self::PeerAborted(code) | Self::PeerRefusal(code) | Self::PeerRefusalOf(code, _)
                if code.is_refusal() =>
            {
                let way_out = way_out(*code).unwrap_or_else(|| ASK_PEER.into());
                format!("{} {way_out}", code.meaning().trim())
            }
            Self::NotWritten(_) => "the job is completed and its list is gone: make room, or name \
                                    a file elsewhere, and ask again"
                .into(),
            Self::Result(_) => "ask for the parts of the output, and compute with them".into(),
            Self::Connect(error) => connecting(error).into(),
            Self::NotJoined {
                member,
                collab,
                awaited,
            } => not_joined(member, collab, *awaited),
            Self::Receipts(_) => "compare both members' exported logs; after a restore from a \
                                  backup, record a statement with `psi-node receipts repair`"
                .into(),
            Self::OwnData(_) => "run `psi-node check` and correct what it reports".into(),
            Self::State(_) => "check the disk that holds the state folder".into(),
            Self::ApprovalSpent(_) => {
                "ask again, so that the owner can decide about one more run".into()
            }
            Self::Cancelled => {
                "somebody cancelled it, or the node stopped; ask again if you still want the answer"
                    .into()
            }
            Self::OwnStop(stop) => stop.remedy().into(),
            Self::Internal(_) => "run the query again; if it happens again, report it".into(),
            Self::Protocol(psi_core::Error::Store(error)) => run_files::remedy(error.kind).into(),
            Self::Protocol(psi_core::Error::Limit { .. }) => {
                "ask about fewer rows: filter your table, or split it".into()
            }
            Self::Protocol(_)
            | Self::Net(_)
            | Self::PeerAborted(_)
            | Self::PeerRefusal(_)
            | Self::PeerRefusalOf(..) => {
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

const ASK_PEER: &str = "The reason is in the other node's own log; ask its owner.";

impl Failure {
    /// Two sides that do not fit together, or ask for more than is served, are a refusal and not a
    /// broken protocol.
    #[must_use]
    pub fn of_agreement(error: psi_core::Error) -> Self {
        let (code, sentence) = match error {
            psi_core::Error::PeerIncompatible { code, detail } => (code, detail.to_owned()),
            psi_core::Error::Beyond {
                code,
                what,
                value,
                limit,
            } => (
                code,
                format!("{what}: {value}, and at most {limit} are served"),
            ),
            other => return Self::Protocol(other),
        };
        let compare = || "compare both sides' table sections".to_owned();
        Self::OwnRefusal(Refusal {
            code,
            rule: "job specification".into(),
            sentence,
            remedy: way_out(code).unwrap_or_else(compare),
        })
    }
}

impl From<ResultError> for Failure {
    fn from(error: ResultError) -> Self {
        match error {
            ResultError::Core(error) => Self::Protocol(error),
            other => Self::Result(other.to_string()),
        }
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

#[cfg(test)]
mod tests {
    use psi_core::{Code, Error};

    use super::Failure;
    use crate::exit::Exit;
    use crate::job::failure::own_stop::OwnStop;

    #[test]
    fn a_stop_of_this_node_is_not_laid_at_the_other_nodes_door() {
        for (stop, code, reason, is_news) in [
            (OwnStop::PeerGaveUp, Code::Interrupted, "interrupted", false),
            (
                OwnStop::LogUnfinished,
                Code::Unavailable,
                "log_unfinished",
                true,
            ),
        ] {
            let failure = Failure::OwnStop(stop);
            assert!(failure.to_string().starts_with("this node ended"));
            assert_eq!(failure.code(), code);
            assert_eq!(failure.reason(), reason);
            assert_eq!(failure.exit(), Exit::Interrupted);
            assert_eq!(failure.is_news_for_peer(), is_news);
        }
        let aborted = Failure::PeerAborted(Code::Interrupted);
        assert!(aborted.to_string().starts_with("the other node ended"));
        assert!(!aborted.is_news_for_peer());
    }

    #[test]
    fn a_bound_that_is_exceeded_is_a_refusal_with_its_figures() {
        let failure = Failure::of_agreement(Error::Beyond {
            code: Code::TooManyCells,
            what: "parts of the Receiver's list",
            value: 600,
            limit: 512,
        });
        assert_eq!(failure.exit(), Exit::RefusedByPolicy);
        assert_eq!(failure.reason(), "too_many_cells");
        let sentence = failure.to_string();
        assert!(
            sentence.contains("600") && sentence.contains("512"),
            "{sentence}"
        );
    }

    #[test]
    fn a_refusal_of_the_peer_says_what_to_do_where_its_code_tells() {
        for (code, word) in [
            (Code::OwnerNotAllowed, "owner_may_receive"),
            (Code::RecipientNotAllowed, "result"),
            (Code::TooManyCells, "8192"),
            (Code::TableNotOffered, "log"),
        ] {
            let failure = Failure::PeerRefusal(code);
            assert_eq!(failure.exit(), Exit::RefusedByPeer);
            assert!(failure.remedy().contains(word), "{}", failure.remedy());
        }
    }
}
